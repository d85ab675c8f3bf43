-- The journal: what is true. Everything else in Penstock is derived from these tables.
-- Applied by migration 0001; never edited afterwards, later changes are migrations of their own.
-- Roles: penstock_lane writes, and can neither change nor delete a row; penstock_keeper owns the
-- tables, makes partitions and indices, and signs heads; penstock_edge reads, and keeps API clients;
-- penstock_office reads, and keeps what the back office works on (migrations 0002 and later).

CREATE SCHEMA penstock AUTHORIZATION penstock_keeper;
SET ROLE penstock_keeper;
SET search_path = penstock;

-- One row per lane. The commit of a batch is a compare-and-set on it: see journal/writer.py.
CREATE TABLE lane (
    lane      smallint PRIMARY KEY,
    epoch     bigint   NOT NULL,            -- raised by every start and takeover
    last_seq  bigint   NOT NULL,
    digest    bytea    NOT NULL,            -- of the last batch, 32 bytes; zeros before the first
    time_us   bigint   NOT NULL             -- of the last row
) WITH (fillfactor = 10);

-- One row per committed batch: a link of the digest chain.
CREATE TABLE journal_batch (
    lane      smallint NOT NULL,
    first_seq bigint   NOT NULL,
    last_seq  bigint   NOT NULL,
    epoch     bigint   NOT NULL,
    encoding  smallint NOT NULL,            -- version of the canonical encoding, contracts/row.py
    digest    bytea    NOT NULL,            -- SHA-256, see journal/digest.py
    PRIMARY KEY (lane, last_seq)
);

-- The columns are those of contracts/row.py, in the same order, but lane first. No index but the
-- primary key while a partition is hot; a closed one gets journal_id and journal_ref (partitions.py).
CREATE TABLE journal (
    lane             smallint NOT NULL,
    seq              bigint   NOT NULL,
    time_us          bigint   NOT NULL,
    command_id       uuid     NOT NULL,
    fingerprint      bigint   NOT NULL,
    payer_account    bigint   NOT NULL,
    payee_account    bigint   NOT NULL,
    amount_minor     bigint   NOT NULL,
    held_minor       bigint   NOT NULL,
    moved_minor      bigint   NOT NULL,
    fee_minor        bigint   NOT NULL,
    limit_minor      bigint   NOT NULL,
    ref_seq          bigint   NOT NULL,
    ref_prev_seq     bigint   NOT NULL,
    payer_prev_seq   bigint   NOT NULL,
    payee_prev_seq   bigint   NOT NULL,
    fee_prev_seq     bigint   NOT NULL,
    expires_us       bigint   NOT NULL,
    rules_fired      bigint   NOT NULL,
    side_hash        bytea    NOT NULL,     -- 32 bytes, zeros = no side record
    client           integer  NOT NULL,
    customer         integer  NOT NULL,
    purse            integer  NOT NULL,
    business_day     integer  NOT NULL,
    limit_day        integer  NOT NULL,
    policy_version   integer  NOT NULL,
    pack_version     integer  NOT NULL,
    model_version    integer  NOT NULL,
    approval_1       integer  NOT NULL,
    approval_2       integer  NOT NULL,
    approval_3       integer  NOT NULL,
    score            real     NOT NULL,
    kind             smallint NOT NULL,
    state            smallint NOT NULL,
    reason           smallint NOT NULL,
    payment_type     smallint NOT NULL,
    currency         smallint NOT NULL,
    tier             smallint NOT NULL,
    limit_count      smallint NOT NULL,
    verification     smallint NOT NULL,
    factors          smallint NOT NULL,
    feature_registry smallint NOT NULL,
    flags            smallint NOT NULL,
    from_us          bigint   NOT NULL,
    left_minor       bigint   NOT NULL,
    maker            integer  NOT NULL,
    option           smallint NOT NULL,
    instrument       bigint   NOT NULL,
    device           bigint   NOT NULL,
    network          bigint   NOT NULL,
    place            bigint   NOT NULL,
    category         bigint   NOT NULL,
    latitude_e4      integer  NOT NULL,
    longitude_e4     integer  NOT NULL,
    channel          smallint NOT NULL,
    was              smallint NOT NULL,
    features         bytea,                 -- 128 bytes, NULL while feature_registry is 0
    PRIMARY KEY (lane, seq)
) PARTITION BY RANGE (lane, seq);

-- Free text of a command (reference, metadata; the policy of a publish). Its SHA-256 is in the row.
CREATE TABLE journal_side (
    lane smallint NOT NULL,
    seq  bigint   NOT NULL,
    body bytea    NOT NULL,
    PRIMARY KEY (lane, seq)
) PARTITION BY RANGE (lane, seq);

-- The partitions, [first_seq, end_seq). `indexed` tells the lane that it may forget the ids in it.
CREATE TABLE journal_partition (
    lane          smallint NOT NULL,
    first_seq     bigint   NOT NULL,
    end_seq       bigint   NOT NULL,
    first_time_us bigint,                   -- of the first and last row, known once it is indexed
    last_time_us  bigint,
    indexed       boolean  NOT NULL DEFAULT false,
    PRIMARY KEY (lane, first_seq)
);

-- Who may call the API. A client owns the customers it opens; a key is one way to speak for a client.
CREATE TABLE api_client (
    client integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name   text NOT NULL UNIQUE
);
CREATE TABLE api_key (
    key_id     text PRIMARY KEY,
    client     integer NOT NULL REFERENCES api_client,
    owner      text NOT NULL,               -- the person who answers for the key
    scopes     text[] NOT NULL,
    hash       bytea NOT NULL,              -- SHA-256 of the secret half, which has 256 random bits
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);

GRANT USAGE ON SCHEMA penstock TO penstock_lane, penstock_edge, penstock_auditor;
GRANT SELECT ON ALL TABLES IN SCHEMA penstock TO penstock_lane, penstock_edge;
GRANT SELECT ON lane, journal_batch, journal, journal_side, journal_partition TO penstock_auditor;
GRANT INSERT ON lane, journal_batch, journal, journal_side TO penstock_lane;
GRANT UPDATE ON lane TO penstock_lane;
GRANT INSERT ON api_client, api_key TO penstock_edge;
GRANT UPDATE (revoked_at) ON api_key TO penstock_edge;
RESET ROLE;
