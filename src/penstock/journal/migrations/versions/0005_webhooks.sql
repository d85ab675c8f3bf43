-- Webhooks: endpoints, their secrets, deliveries.
SET ROLE penstock_keeper;
SET search_path = penstock;

-- Which client owns a customer and an account: read off the rows that opened them, by a tail.
-- Events of a payment concern the clients of both its accounts, whoever sent the command.
CREATE TABLE customer_owner (
    lane     smallint NOT NULL,
    customer integer  NOT NULL,
    client   integer  NOT NULL,
    PRIMARY KEY (lane, customer)
);
CREATE TABLE account_owner (
    lane    smallint NOT NULL,
    account bigint   NOT NULL,
    client  integer  NOT NULL,
    PRIMARY KEY (lane, account)
);
GRANT SELECT, INSERT ON customer_owner, account_owner TO penstock_office;
GRANT SELECT ON customer_owner, account_owner TO penstock_edge;

-- Where events are sent. `failures` in a row since the last success; while there are many, the endpoint rests until `rests_until`.
CREATE TABLE webhook (
    webhook       integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    client        integer NOT NULL REFERENCES api_client,
    all_clients   boolean NOT NULL,               -- made by a key with the scope operate: events of everybody
    url           text NOT NULL,
    description   text NOT NULL,
    types         text[] NOT NULL,                -- as chosen, such as payment.*; empty = all
    enabled       boolean NOT NULL DEFAULT true,
    disabled_why  text,                           -- gone, failing, backlog: by the system; paused: by its owner
    made_at       timestamptz NOT NULL,
    tests         integer NOT NULL DEFAULT 0,     -- test deliveries so far: they are numbered downwards from -1
    failures      integer NOT NULL DEFAULT 0,
    failing_since timestamptz,
    rests_until   timestamptz,
    CHECK (enabled = (disabled_why IS NULL))
);
CREATE INDEX webhook_client ON webhook (client);

-- Secrets that sign, newest first; sealed with the installation's key and bound to their endpoint.
CREATE TABLE webhook_secret (
    webhook  integer NOT NULL REFERENCES webhook ON DELETE CASCADE,
    number   integer NOT NULL,
    sealed   bytea NOT NULL,
    made_at  timestamptz NOT NULL,
    ends_at  timestamptz,                         -- a rotated one signs until then
    PRIMARY KEY (webhook, number)
);

-- One row per event and endpoint, without its text: that is made from the journal whenever it is sent.
-- A claim moves due_at into the future: what a killed deliverer had in its hands falls due again.
CREATE TABLE webhook_delivery (
    webhook     integer  NOT NULL REFERENCES webhook ON DELETE CASCADE,
    lane        smallint NOT NULL,
    seq         bigint   NOT NULL,                -- of the journal's row; below 0: a test
    type        text     NOT NULL,
    state       text     NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'given_up')),
    attempts    integer  NOT NULL DEFAULT 0,
    begun_at    timestamptz NOT NULL,             -- made, or last sent again by hand …
    begun_with  integer  NOT NULL DEFAULT 0,      -- … after so many attempts
    due_at      timestamptz NOT NULL,
    last_at     timestamptz,                      -- when the last attempt ended
    last_status integer,                          -- HTTP status of its answer
    last_error  text,                             -- why there was none, or no good one
    PRIMARY KEY (webhook, lane, seq)
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook, due_at) WHERE state = 'waiting';
CREATE INDEX webhook_delivery_begun ON webhook_delivery (webhook, begun_at DESC, seq DESC);

-- The edge never reads a secret again: it has no right to the column `sealed`.
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook TO penstock_edge;
GRANT SELECT (webhook, number, made_at, ends_at), INSERT, UPDATE (ends_at) ON webhook_secret TO penstock_edge;
GRANT SELECT, INSERT, UPDATE ON webhook_delivery TO penstock_edge;
GRANT SELECT, UPDATE ON webhook TO penstock_office;
GRANT SELECT, DELETE ON webhook_secret TO penstock_office;
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_delivery TO penstock_office;

RESET ROLE;
