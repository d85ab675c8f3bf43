-- A partition that grows would be analysed again and again; the keeper analyses and freezes it once, when it is closed
-- (journal/partitions.py). PostgreSQL still vacuums a table whose transaction ids are about to wrap around.
SET ROLE penstock_keeper;
SET search_path = penstock;
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN
        SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent IN ('journal'::regclass, 'journal_side'::regclass)
    LOOP
        EXECUTE format('ALTER TABLE %s RESET (autovacuum_vacuum_insert_threshold)', part);
        EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = false)', part);
    END LOOP;
END;
$$;
RESET ROLE;
