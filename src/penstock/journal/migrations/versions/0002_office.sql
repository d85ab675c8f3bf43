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

GRANT USAGE ON SCHEMA penstock TO penstock_office;
GRANT SELECT ON lane, journal_batch, journal, journal_side, journal_partition, api_client TO penstock_office;

RESET ROLE;
