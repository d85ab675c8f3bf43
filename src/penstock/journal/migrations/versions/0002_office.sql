-- The back office: people, approvals, review and recovery queues, cursors of the tails.
SET ROLE penstock_keeper;
SET search_path = penstock;

-- Who acts: the people behind the keys, numbered, because the journal's rows name makers and approvers by number.
CREATE TABLE person (
    person integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name   text NOT NULL UNIQUE
);
INSERT INTO person (name) SELECT DISTINCT owner FROM api_key;
GRANT SELECT, INSERT ON person TO penstock_edge;
GRANT SELECT ON person TO penstock_office, penstock_auditor;

-- The system's own client: the back office sends its commands under it.
INSERT INTO api_client (name) VALUES ('penstock');

-- Where each tail has come to; changed in the same transaction as what the tail did.
CREATE TABLE tail_cursor (
    tail text     NOT NULL,
    lane smallint NOT NULL,
    seq  bigint   NOT NULL,
    PRIMARY KEY (tail, lane)
);
GRANT SELECT, INSERT, UPDATE ON tail_cursor TO penstock_office;
GRANT SELECT ON tail_cursor TO penstock_edge;

-- How the jobs of the office's process are doing, noted by it every few seconds.
CREATE TABLE office_job (
    lane     smallint NOT NULL,
    job      text     NOT NULL,
    steps    bigint   NOT NULL,            -- since the process began
    failures bigint   NOT NULL,            -- since the job was last well
    problem  text     NOT NULL,            -- kind of the newest failure, empty = well
    seen_us  bigint   NOT NULL,
    PRIMARY KEY (lane, job)
);
GRANT SELECT, INSERT, UPDATE ON office_job TO penstock_office;
GRANT SELECT ON office_job TO penstock_edge;

-- Approvals: what one person asked for and others must confirm. The command is kept by the names of its fields, so that
-- it means the same after an upgrade. `sent_id` is the id under which the lane gets it: the maker's own, unless the
-- number of approvers was raised meanwhile and the lane has recorded a refusal under that one.
CREATE TABLE approval_request (
    request     bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    lane        smallint NOT NULL,
    client      integer NOT NULL,
    command_id  uuid NOT NULL,
    sent_id     uuid NOT NULL,
    operation   smallint NOT NULL,
    object_kind text NOT NULL,
    object_id   text NOT NULL,
    maker       integer NOT NULL REFERENCES person,
    command     jsonb NOT NULL,
    payload     bytea NOT NULL,
    summary     jsonb NOT NULL,
    needed      smallint NOT NULL CHECK (needed BETWEEN 1 AND 3),
    status      text NOT NULL DEFAULT 'pending'
                CHECK (status IN ('pending', 'approved', 'done', 'refused', 'rejected', 'withdrawn', 'lapsed')),
    attempts    smallint NOT NULL DEFAULT 0,
    made_at     timestamptz NOT NULL,
    lapses_at   timestamptz NOT NULL,
    ended_at    timestamptz,
    outcome_seq    bigint,                 -- of the journal row, 0 = the lane refused without one
    outcome_state  smallint,
    outcome_reason smallint,
    UNIQUE (client, command_id)
);
CREATE INDEX approval_request_open ON approval_request (lane, lapses_at) WHERE status IN ('pending', 'approved');
CREATE INDEX approval_request_object ON approval_request (object_kind, object_id)
    WHERE status IN ('pending', 'approved');
CREATE INDEX approval_request_status ON approval_request (status, request);

-- The evidence: who did what to a request, and when. Written once, never changed.
CREATE TABLE approval_step (
    request bigint NOT NULL REFERENCES approval_request,
    step    smallint NOT NULL,
    time    timestamptz NOT NULL,
    person  integer REFERENCES person,      -- NULL: the system
    action  text NOT NULL CHECK (action IN
            ('asked', 'approved', 'rejected', 'withdrawn', 'lapsed', 'raised', 'done', 'refused')),
    note    text NOT NULL DEFAULT '',
    PRIMARY KEY (request, step)
);
CREATE UNIQUE INDEX approval_step_once ON approval_step (request, person) WHERE action = 'approved';

GRANT SELECT, INSERT ON approval_request, approval_step TO penstock_edge, penstock_office;
GRANT UPDATE (sent_id, needed, status, attempts, ended_at, outcome_seq, outcome_state, outcome_reason)
    ON approval_request TO penstock_edge, penstock_office;
GRANT SELECT ON approval_request, approval_step TO penstock_auditor;

-- The review queue: payments that wait, or waited, for a person. Made by the tail `reviews` from the journal; the claim
-- is the reviewers' own. Names as in the journal; 0 = none.
CREATE TABLE review_item (
    lane          smallint NOT NULL,
    payment       bigint   NOT NULL,       -- its first row
    kind          smallint NOT NULL,
    client        integer  NOT NULL,
    payer_account bigint   NOT NULL,
    payee_account bigint   NOT NULL,
    amount_minor  bigint   NOT NULL,
    currency      smallint NOT NULL,
    payment_type  smallint NOT NULL,
    opened_us     bigint   NOT NULL,
    deadline_us   bigint   NOT NULL,
    score         real,                    -- NULL = no model scored it
    expected_loss_minor bigint NOT NULL,
    weight        bigint   NOT NULL,       -- the expected loss in the currency that all are compared in
    claimed_by    integer  NOT NULL DEFAULT 0,
    claimed_until_us bigint NOT NULL DEFAULT 0,
    closed_seq    bigint   NOT NULL DEFAULT 0,
    closed_us     bigint   NOT NULL DEFAULT 0,
    closed_kind   smallint NOT NULL DEFAULT 0,
    closed_state  smallint NOT NULL DEFAULT 0,
    decided_by    integer  NOT NULL DEFAULT 0,
    PRIMARY KEY (lane, payment)
);
CREATE INDEX review_item_open ON review_item (lane, deadline_us) WHERE closed_seq = 0;
CREATE INDEX review_item_decided ON review_item (lane, closed_seq) WHERE closed_seq > 0;
CREATE INDEX review_item_opened ON review_item (lane, opened_us);
GRANT SELECT, INSERT, UPDATE ON review_item TO penstock_office;
GRANT SELECT, UPDATE (claimed_by, claimed_until_us) ON review_item TO penstock_edge;
GRANT SELECT ON review_item TO penstock_auditor;

-- The recovery queue: what looks wrong, and the correction that is ready to be asked for. Found by tails.
CREATE TABLE recovery_case (
    number        bigint   PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    lane          smallint NOT NULL,
    kind          text     NOT NULL CHECK (kind IN ('duplicate', 'stuck_withdrawal', 'stuck_refund', 'suspense')),
    seq           bigint   NOT NULL,       -- the row that began it: payment, refund at the bank, credit to suspense
    payment       bigint   NOT NULL,       -- first row of the payment
    other         bigint   NOT NULL DEFAULT 0, -- duplicate: the payment that this one repeats
    gap_us        bigint   NOT NULL DEFAULT 0, -- duplicate: cleared so long after the other
    confidence    text     NOT NULL CHECK (confidence IN ('high', 'low')),
    client        integer  NOT NULL,
    payer_account bigint   NOT NULL,
    payee_account bigint   NOT NULL,
    owner_account bigint   NOT NULL DEFAULT 0, -- suspense: whose money it is, where the journal says so
    amount_minor  bigint   NOT NULL,
    currency      smallint NOT NULL,
    payment_type  smallint NOT NULL,
    since_us      bigint   NOT NULL,       -- time of the row that began it
    state         text     NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed', 'dismissed')),
    request       bigint   NOT NULL DEFAULT 0, -- the newest approval request that was made of it
    outcome       text     NOT NULL DEFAULT '',
    closed_seq    bigint   NOT NULL DEFAULT 0,
    closed_us     bigint   NOT NULL DEFAULT 0,
    closed_by     integer  NOT NULL DEFAULT 0,
    note          text     NOT NULL DEFAULT '',
    UNIQUE (lane, kind, seq)
);
CREATE INDEX recovery_case_payment ON recovery_case (lane, payment) WHERE state = 'open';
CREATE INDEX recovery_case_other ON recovery_case (lane, other) WHERE state = 'open';
CREATE INDEX recovery_case_state ON recovery_case (lane, state, number);
GRANT SELECT, INSERT, UPDATE ON recovery_case TO penstock_office;
GRANT SELECT, UPDATE (state, request, outcome, closed_us, closed_by, note) ON recovery_case TO penstock_edge;
GRANT SELECT ON recovery_case TO penstock_auditor;

-- Payments that cleared within the last `duplicate_window_s` of what the tail has seen.
CREATE TABLE recovery_recent (
    lane        smallint NOT NULL,
    payment     bigint   NOT NULL,
    cleared_seq bigint   NOT NULL,
    cleared_us  bigint   NOT NULL,
    same        uuid     NOT NULL,         -- of parties, amount, type and words: equal for what looks the same
    bare        boolean  NOT NULL,         -- it has no reference
    gone        boolean  NOT NULL DEFAULT false, -- given back
    PRIMARY KEY (lane, payment)
);
CREATE INDEX recovery_recent_same ON recovery_recent (lane, same, cleared_seq);
CREATE INDEX recovery_recent_time ON recovery_recent (lane, cleared_us);
GRANT SELECT, INSERT, UPDATE, DELETE ON recovery_recent TO penstock_office;

-- Payments that wait for the bank's answer.
CREATE TABLE recovery_waiting (
    lane          smallint NOT NULL,
    payment       bigint   NOT NULL,
    seq           bigint   NOT NULL,       -- the row since which it waits
    kind          text     NOT NULL,       -- that of the case it would become
    client        integer  NOT NULL,
    payer_account bigint   NOT NULL,
    payee_account bigint   NOT NULL,
    amount_minor  bigint   NOT NULL,
    currency      smallint NOT NULL,
    payment_type  smallint NOT NULL,
    since_us      bigint   NOT NULL,
    told          boolean  NOT NULL DEFAULT false, -- it has become a case
    PRIMARY KEY (lane, payment)
);
CREATE INDEX recovery_waiting_since ON recovery_waiting (lane, since_us) WHERE NOT told;
GRANT SELECT, INSERT, UPDATE, DELETE ON recovery_waiting TO penstock_office;

GRANT USAGE ON SCHEMA penstock TO penstock_office;
GRANT SELECT ON lane, journal_batch, journal, journal_side, journal_partition, api_client TO penstock_office;

RESET ROLE;
