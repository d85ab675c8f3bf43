-- Closed partitions are indexed at once and frozen when the lane has time for it (journal/partitions.py).
-- Migration 0008 has written what was there anew, so nothing is frozen yet.
SET ROLE penstock_keeper;
SET search_path = penstock;
ALTER TABLE journal_partition ADD COLUMN frozen boolean NOT NULL DEFAULT false;
RESET ROLE;
