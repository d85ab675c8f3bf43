-- Keys of callers that do not make UUIDs: the table behind the header Idempotency-Key.
SET ROLE penstock_keeper;
SET search_path = penstock;

-- A key of a client stands for one command id, and for one request. The id is what the lane knows the command by, so a
-- row says nothing of the outcome; it is only changed when its id has become too old and nothing was done with it.
CREATE TABLE idempotency_key (
    client     integer NOT NULL,
    key        text NOT NULL,
    command_id uuid NOT NULL,
    content    bytea NOT NULL,             -- SHA-256 of method, path and body
    made_at    timestamptz NOT NULL,
    PRIMARY KEY (client, key)
);
CREATE INDEX idempotency_key_age ON idempotency_key (made_at);
GRANT SELECT, INSERT, UPDATE (command_id, made_at) ON idempotency_key TO penstock_edge;
GRANT SELECT ON idempotency_key TO penstock_auditor;

RESET ROLE;
