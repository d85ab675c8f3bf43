-- Which row put which version of the policy or model in force: derived from the journal by the tail `publications`.
SET ROLE penstock_keeper;
SET search_path = penstock;

CREATE TABLE publication (
    lane    smallint NOT NULL,
    kind    smallint NOT NULL,             -- publish (policies) or publish_model
    version integer  NOT NULL,
    seq     bigint   NOT NULL,
    PRIMARY KEY (lane, kind, version)
);

GRANT SELECT ON publication TO penstock_edge;
GRANT SELECT, INSERT ON publication TO penstock_office;

RESET ROLE;
