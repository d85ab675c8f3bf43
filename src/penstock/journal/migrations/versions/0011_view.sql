-- The journal is a table of three columns and a view over it that computes all others (docs/adr/0027): a row that is
-- written carries no place for what is not stored. The columns are as journal/layout.py wrote them down when this
-- migration was made. Rows stay where they are; the ids of closed partitions are indexed anew, by three whole numbers.
SET ROLE penstock_keeper;
SET search_path = penstock;

ALTER TABLE journal RENAME TO journal_computed;
ALTER TABLE journal_computed RENAME CONSTRAINT journal_pkey TO journal_computed_pkey;

CREATE TABLE journal_record (
    lane   smallint NOT NULL,
    seq    bigint   NOT NULL,
    record bytea    STORAGE PLAIN NOT NULL,   -- 458 bytes, 330 without a vector; see contracts/row.py
    PRIMARY KEY (lane, seq)
) PARTITION BY RANGE (lane, seq);

CREATE VIEW journal AS SELECT
    lane,
    seq,
    record,
    reverse(substring(record, 9, 8))::bigint AS time_us,
    encode(reverse(substring(record, 17, 8)) || reverse(substring(record, 25, 8)), 'hex')::uuid AS command_id,
    reverse(substring(record, 17, 8))::bigint AS id_hi,
    reverse(substring(record, 25, 8))::bigint AS id_lo,
    reverse(substring(record, 33, 8))::bigint AS fingerprint,
    reverse(substring(record, 41, 8))::bigint AS payer_account,
    reverse(substring(record, 49, 8))::bigint AS payee_account,
    reverse(substring(record, 57, 8))::bigint AS amount_minor,
    reverse(substring(record, 65, 8))::bigint AS held_minor,
    reverse(substring(record, 73, 8))::bigint AS moved_minor,
    reverse(substring(record, 81, 8))::bigint AS fee_minor,
    reverse(substring(record, 89, 8))::bigint AS limit_minor,
    reverse(substring(record, 97, 8))::bigint AS ref_seq,
    reverse(substring(record, 105, 8))::bigint AS ref_prev_seq,
    reverse(substring(record, 113, 8))::bigint AS payer_prev_seq,
    reverse(substring(record, 121, 8))::bigint AS payee_prev_seq,
    reverse(substring(record, 129, 8))::bigint AS fee_prev_seq,
    reverse(substring(record, 137, 8))::bigint AS expires_us,
    reverse(substring(record, 145, 8))::bigint AS rules_fired,
    substring(record, 153, 32) AS side_hash,
    reverse(substring(record, 185, 4))::integer AS client,
    reverse(substring(record, 189, 4))::integer AS customer,
    reverse(substring(record, 193, 4))::integer AS purse,
    reverse(substring(record, 197, 4))::integer AS business_day,
    reverse(substring(record, 201, 4))::integer AS limit_day,
    reverse(substring(record, 205, 4))::integer AS policy_version,
    reverse(substring(record, 209, 4))::integer AS pack_version,
    reverse(substring(record, 213, 4))::integer AS model_version,
    reverse(substring(record, 217, 4))::integer AS approval_1,
    reverse(substring(record, 221, 4))::integer AS approval_2,
    reverse(substring(record, 225, 4))::integer AS approval_3,
    (
        CASE WHEN reverse(substring(record, 229, 4))::integer < 0 THEN -1::float8 ELSE 1 END
        * CASE ((reverse(substring(record, 229, 4))::integer >> 23) & 255)
            WHEN 0 THEN (reverse(substring(record, 229, 4))::integer & 8388607) * power(2::float8, -149)
            WHEN 255 THEN
                CASE (reverse(substring(record, 229, 4))::integer & 8388607)
                    WHEN 0 THEN 'Infinity'::float8 ELSE 'NaN' END
            ELSE ((reverse(substring(record, 229, 4))::integer & 8388607) + 8388608)
                * power(2::float8, ((reverse(substring(record, 229, 4))::integer >> 23) & 255) - 150)
        END
    )::real AS score,
    reverse(substring(record, 235, 2))::smallint AS kind,
    reverse(substring(record, 237, 2))::smallint AS state,
    reverse(substring(record, 239, 2))::smallint AS reason,
    reverse(substring(record, 241, 2))::smallint AS payment_type,
    reverse(substring(record, 243, 2))::smallint AS currency,
    reverse(substring(record, 245, 2))::smallint AS tier,
    reverse(substring(record, 247, 2))::smallint AS limit_count,
    reverse(substring(record, 249, 2))::smallint AS verification,
    reverse(substring(record, 251, 2))::smallint AS factors,
    reverse(substring(record, 253, 2))::smallint AS feature_registry,
    reverse(substring(record, 255, 2))::smallint AS flags,
    reverse(substring(record, 257, 8))::bigint AS from_us,
    reverse(substring(record, 265, 8))::bigint AS left_minor,
    reverse(substring(record, 273, 4))::integer AS maker,
    reverse(substring(record, 277, 2))::smallint AS option,
    reverse(substring(record, 279, 8))::bigint AS instrument,
    reverse(substring(record, 287, 8))::bigint AS device,
    reverse(substring(record, 295, 8))::bigint AS network,
    reverse(substring(record, 303, 8))::bigint AS place,
    reverse(substring(record, 311, 8))::bigint AS category,
    reverse(substring(record, 319, 4))::integer AS latitude_e4,
    reverse(substring(record, 323, 4))::integer AS longitude_e4,
    reverse(substring(record, 327, 2))::smallint AS channel,
    reverse(substring(record, 329, 2))::smallint AS was,
    CASE WHEN octet_length(record) > 330 THEN substring(record, 331, 128) END AS features
FROM journal_record;

-- Who could read the table reads the view, who could write into it writes into the new table; the auditor reads what is stored.
DO $$
DECLARE
    given record;
BEGIN
    FOR given IN
        SELECT privilege_type, CASE privilege_type WHEN 'SELECT' THEN 'journal' ELSE 'journal_record' END AS target,
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS who,
            CASE WHEN is_grantable THEN 'WITH GRANT OPTION' ELSE '' END AS how
        FROM pg_class, aclexplode(relacl) WHERE pg_class.oid = 'journal_computed'::regclass AND grantee <> relowner
    LOOP
        EXECUTE format('GRANT %s ON %s TO %s %s', given.privilege_type, given.target, given.who, given.how);
    END LOOP;
END
$$;
GRANT SELECT ON journal_record TO penstock_auditor;

DO $$
DECLARE
    part record;
    name text;
BEGIN
    FOR part IN
        SELECT child.oid, child.relname AS name, pg_get_expr(child.relpartbound, child.oid) AS bounds,
            to_regclass(format('%I', child.relname || '_id')) IS NOT NULL AS has_id,
            to_regclass(format('%I', child.relname || '_ref')) IS NOT NULL AS has_ref,
            (
                SELECT string_agg(format('DROP COLUMN %I', attname), ', ') FROM pg_attribute
                WHERE attrelid = child.oid AND attgenerated = 'v' AND NOT attisdropped
            ) AS dropping
        FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
        WHERE inhparent = 'journal_computed'::regclass ORDER BY child.oid
    LOOP
        name := replace(part.name, 'journal_', 'journal_record_');
        EXECUTE format('ALTER TABLE journal_computed DETACH PARTITION %I', part.name);
        EXECUTE format('ALTER TABLE %I %s', part.name, part.dropping);
        EXECUTE format('ALTER TABLE %I RENAME CONSTRAINT %I TO %I', part.name, part.name || '_pkey', name || '_pkey');
        EXECUTE format('ALTER TABLE %I RENAME TO %I', part.name, name);
        IF part.has_id THEN
            EXECUTE format('DROP INDEX %I', part.name || '_id');
            EXECUTE format($index$
                CREATE UNIQUE INDEX %I ON %I (
                    (reverse(substring(record, 17, 8))::bigint), (reverse(substring(record, 25, 8))::bigint),
                    (reverse(substring(record, 185, 4))::integer)
                )
            $index$, name || '_id', name);
        END IF;
        IF part.has_ref THEN
            EXECUTE format('ALTER INDEX %I RENAME TO %I', part.name || '_ref', name || '_ref');
        END IF;
        EXECUTE format('ANALYZE %I', name);
        EXECUTE format('ALTER TABLE journal_record ATTACH PARTITION %I %s', name, part.bounds);
    END LOOP;
END
$$;

DROP TABLE journal_computed;

RESET ROLE;
