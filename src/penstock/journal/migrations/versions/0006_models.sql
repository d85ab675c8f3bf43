-- Models: what may be put in force. Which one is, the journal says (rows of publish_model).
SET ROLE penstock_keeper;
SET search_path = penstock;

-- Content-addressed and written once: no role of the running system can change or delete a model, so the one that the
-- journal names by its hash is the one that was uploaded.
CREATE TABLE model (
    sha256      bytea       PRIMARY KEY,       -- of the ONNX file
    name        text        NOT NULL,
    registry    smallint    NOT NULL,          -- version of the features that it reads
    maturity_us bigint      NOT NULL,          -- a payment older than this without a label counted as genuine in training
    onnx        bytea       NOT NULL,          -- scores
    native      bytea       NOT NULL,          -- explains
    card        text        NOT NULL,          -- JSON, as it was uploaded
    uploaded_at timestamptz NOT NULL,
    uploaded_by integer     NOT NULL REFERENCES person,
    CHECK (sha256 = pg_catalog.sha256(onnx))
);

GRANT SELECT ON model TO penstock_lane, penstock_office, penstock_auditor;
GRANT SELECT, INSERT ON model TO penstock_edge;

RESET ROLE;
