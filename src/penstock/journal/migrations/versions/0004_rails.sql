-- The bank: transfers out and in, statements, differences. Written by the office's process; the edge reads, and resolves.
SET ROLE penstock_keeper;
SET search_path = penstock;

-- One credit transfer for each row that asks for one: a withdrawal to the bank, a refund of a deposit.
CREATE TABLE rail_transfer (
    lane            smallint    NOT NULL,
    seq             bigint      NOT NULL,       -- the withdrawal's or the refund's row
    payment_seq     bigint      NOT NULL,       -- first row of the payment that the bank's answer settles
    time_us         bigint      NOT NULL,       -- since when the money waits for the bank
    end_to_end_id   text        NOT NULL UNIQUE,
    currency        smallint    NOT NULL,       -- ISO numeric
    amount_minor    bigint      NOT NULL CHECK (amount_minor > 0),
    creditor        jsonb,                      -- name, account, agent; NULL = nobody knows where the deposit came from
    words           text        NOT NULL,       -- remittance information
    state           text        NOT NULL DEFAULT 'open'
                    CHECK (state IN ('open', 'paid', 'rejected', 'cleared', 'released', 'refused')),
    reason          text        NOT NULL DEFAULT '',    -- the bank's, or the lane's when it refused to follow
    bank_reference  text        NOT NULL DEFAULT '',
    asked           integer     NOT NULL DEFAULT 0,     -- how often the bank was asked
    started         boolean     NOT NULL DEFAULT false, -- its workflow was handed over
    changed_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (lane, seq)
);
CREATE INDEX rail_transfer_payment ON rail_transfer (lane, payment_seq);
CREATE INDEX rail_transfer_waiting ON rail_transfer (lane, seq) WHERE state IN ('open', 'paid', 'rejected');

-- What the bank told us of: credits, and transfers that came back. The same entry is told more than once.
CREATE TABLE rail_entry (
    number         bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    lane           smallint    NOT NULL,
    account        text        NOT NULL,        -- ours, at the bank
    bank_reference text        NOT NULL,
    body           jsonb       NOT NULL,        -- contracts/bank.py, Entry
    seen_us        bigint      NOT NULL,
    state          text        NOT NULL DEFAULT 'new'
                   CHECK (state IN ('new', 'booked', 'suspense', 'refused')),
    seq            bigint      NOT NULL DEFAULT 0,      -- the row that booked it
    reason         text        NOT NULL DEFAULT '',
    started        boolean     NOT NULL DEFAULT false,
    UNIQUE (account, bank_reference)
);
CREATE INDEX rail_entry_waiting ON rail_entry (lane, number) WHERE state = 'new';

-- How far the bank's notifications are read.
CREATE TABLE rail_cursor (
    lane  smallint PRIMARY KEY,
    after bigint   NOT NULL
);

-- Our side: rows of the journal that moved money between a settlement account and the bank.
CREATE TABLE rail_booking (
    lane         smallint NOT NULL,
    seq          bigint   NOT NULL,
    time_us      bigint   NOT NULL,
    kind         text     NOT NULL CHECK (kind IN ('debit', 'credit', 'return')),
    reference    text     NOT NULL,     -- end-to-end id of a debit, bank reference of a credit or return
    currency     smallint NOT NULL,
    amount_minor bigint   NOT NULL,
    PRIMARY KEY (lane, seq)
);
CREATE INDEX rail_booking_reference ON rail_booking (lane, reference);
CREATE INDEX rail_booking_time ON rail_booking (lane, time_us);

-- The bank's side: its statements and their entries.
CREATE TABLE rail_statement (
    lane          smallint NOT NULL,
    account       text     NOT NULL,
    date          date     NOT NULL,
    opening_minor bigint   NOT NULL,
    closing_minor bigint   NOT NULL,
    PRIMARY KEY (account, date)
);
CREATE TABLE rail_statement_entry (
    lane           smallint NOT NULL,
    account        text     NOT NULL,
    bank_reference text     NOT NULL,
    date           date     NOT NULL,
    kind           text     NOT NULL CHECK (kind IN ('debit', 'credit', 'return')),
    reference      text     NOT NULL,   -- as in rail_booking
    currency       smallint NOT NULL,
    amount_minor   bigint   NOT NULL,
    PRIMARY KEY (account, bank_reference)
);
CREATE INDEX rail_statement_entry_date ON rail_statement_entry (lane, date);
CREATE INDEX rail_statement_entry_reference ON rail_statement_entry (lane, reference);

CREATE TABLE rail_reconciliation (
    lane          smallint    NOT NULL,
    date          date        NOT NULL,
    done_at       timestamptz NOT NULL,
    runs          integer     NOT NULL DEFAULT 1,
    bank_entries  bigint      NOT NULL,
    our_bookings  bigint      NOT NULL,
    differences   bigint      NOT NULL,         -- open after this run, of this day
    PRIMARY KEY (lane, date)
);

CREATE TABLE rail_difference (
    difference    bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    lane          smallint    NOT NULL,
    date          date        NOT NULL,
    kind          text        NOT NULL CHECK (kind IN ('missing_at_bank', 'missing_here', 'amount_differs',
                              'rejected_but_paid', 'statement_sum')),
    reference     text        NOT NULL,         -- end-to-end id or bank reference; the account of a statement
    currency      smallint    NOT NULL,
    bank_minor    bigint,                       -- NULL = the bank has nothing
    our_minor     bigint,                       -- NULL = we have nothing
    payment_seq   bigint      NOT NULL DEFAULT 0,
    state         text        NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'resolved')),
    found_at      timestamptz NOT NULL,
    resolved_at   timestamptz,
    resolved_by   integer     NOT NULL DEFAULT 0,   -- a person; 0 = a later run found it settled
    note          text        NOT NULL DEFAULT '',
    UNIQUE (lane, kind, reference)
);
CREATE INDEX rail_difference_open ON rail_difference (lane, difference) WHERE state = 'open';

GRANT SELECT, INSERT, UPDATE ON rail_transfer, rail_entry, rail_cursor, rail_booking, rail_statement, rail_statement_entry,
    rail_reconciliation, rail_difference TO penstock_office;
GRANT SELECT ON rail_transfer, rail_entry, rail_statement_entry, rail_reconciliation, rail_difference
    TO penstock_edge;
GRANT UPDATE (state, resolved_at, resolved_by, note) ON rail_difference TO penstock_edge;
GRANT SELECT ON rail_transfer, rail_entry, rail_booking, rail_statement, rail_statement_entry, rail_reconciliation, rail_difference
    TO penstock_auditor;

RESET ROLE;
