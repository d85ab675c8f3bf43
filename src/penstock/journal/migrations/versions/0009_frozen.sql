-- Closed partitions are indexed at once and frozen when the lane has time for it (journal/partitions.py).
-- What was indexed so far was frozen with it.
SET ROLE penstock_keeper;
SET search_path = penstock;
ALTER TABLE journal_partition ADD COLUMN frozen boolean NOT NULL DEFAULT false;
UPDATE journal_partition SET frozen = indexed;
RESET ROLE;
