-- Rows lie together in sheets, as many as fill a page (docs/adr/0030), and what is asked of closed partitions lies beside them: their ids
-- sorted, many in one value, and which rows follow which payment. The columns of the view are as journal/layout.py wrote them down
-- when this migration was made.
SET ROLE penstock_keeper;
SET search_path = penstock;

ALTER VIEW journal RENAME TO journal_before;

CREATE TABLE journal_sheet (
    lane      smallint NOT NULL,
    first_seq bigint   NOT NULL,
    rows      smallint NOT NULL,                -- first_seq, first_seq + 1, ...; never beyond the end of the partition
    records   bytea    STORAGE PLAIN NOT NULL,  -- rows × 458 bytes, or × 330 where none has a vector; see contracts/row.py
    PRIMARY KEY (lane, first_seq)
) PARTITION BY RANGE (lane, first_seq);

-- What closing a partition will need of each row, written with the row and dropped when it is done.
CREATE TABLE journal_key (
    lane      smallint NOT NULL,
    first_seq bigint   NOT NULL,
    keys      bytea    STORAGE PLAIN NOT NULL   -- 28 bytes each: id_hi, id_lo, client, and the payment's first row if it follows one
) PARTITION BY RANGE (lane, first_seq);

-- The ids of closed partitions, in pages, sorted by (id_hi, id_lo, client) within each partition; a page is named by its first.
CREATE TABLE journal_ids (
    lane        smallint NOT NULL,
    partition   bigint   NOT NULL,              -- its first_seq
    first_hi    bigint   NOT NULL,
    first_lo    bigint   NOT NULL,
    first_client integer NOT NULL,
    ids         bytea    STORAGE PLAIN NOT NULL,    -- 28 bytes each: id_hi, id_lo, client, seq, little-endian
    PRIMARY KEY (lane, partition, first_hi, first_lo, first_client)
) WITH (autovacuum_enabled = false);            -- frozen by the keeper, with the partitions

-- The rows of closed partitions that follow another one of the same payment.
CREATE TABLE journal_follow (
    lane    smallint NOT NULL,
    ref_seq bigint   NOT NULL,                  -- the payment's first row
    seq     bigint   NOT NULL,
    PRIMARY KEY (lane, ref_seq, seq)
) WITH (autovacuum_enabled = false);

CREATE VIEW journal AS SELECT
    lane,
    first_seq AS sheet,
    first_seq + place AS seq,
    substring(records, start + 1, size) AS record,
    reverse(substring(records, start + 9, 8))::bigint AS time_us,
    encode(reverse(substring(records, start + 17, 8)) || reverse(substring(records, start + 25, 8)), 'hex')::uuid AS command_id,
    reverse(substring(records, start + 17, 8))::bigint AS id_hi,
    reverse(substring(records, start + 25, 8))::bigint AS id_lo,
    reverse(substring(records, start + 33, 8))::bigint AS fingerprint,
    reverse(substring(records, start + 41, 8))::bigint AS payer_account,
    reverse(substring(records, start + 49, 8))::bigint AS payee_account,
    reverse(substring(records, start + 57, 8))::bigint AS amount_minor,
    reverse(substring(records, start + 65, 8))::bigint AS held_minor,
    reverse(substring(records, start + 73, 8))::bigint AS moved_minor,
    reverse(substring(records, start + 81, 8))::bigint AS fee_minor,
    reverse(substring(records, start + 89, 8))::bigint AS limit_minor,
    reverse(substring(records, start + 97, 8))::bigint AS ref_seq,
    reverse(substring(records, start + 105, 8))::bigint AS ref_prev_seq,
    reverse(substring(records, start + 113, 8))::bigint AS payer_prev_seq,
    reverse(substring(records, start + 121, 8))::bigint AS payee_prev_seq,
    reverse(substring(records, start + 129, 8))::bigint AS fee_prev_seq,
    reverse(substring(records, start + 137, 8))::bigint AS expires_us,
    reverse(substring(records, start + 145, 8))::bigint AS rules_fired,
    substring(records, start + 153, 32) AS side_hash,
    reverse(substring(records, start + 185, 4))::integer AS client,
    reverse(substring(records, start + 189, 4))::integer AS customer,
    reverse(substring(records, start + 193, 4))::integer AS purse,
    reverse(substring(records, start + 197, 4))::integer AS business_day,
    reverse(substring(records, start + 201, 4))::integer AS limit_day,
    reverse(substring(records, start + 205, 4))::integer AS policy_version,
    reverse(substring(records, start + 209, 4))::integer AS pack_version,
    reverse(substring(records, start + 213, 4))::integer AS model_version,
    reverse(substring(records, start + 217, 4))::integer AS approval_1,
    reverse(substring(records, start + 221, 4))::integer AS approval_2,
    reverse(substring(records, start + 225, 4))::integer AS approval_3,
    (CASE WHEN reverse(substring(records, start + 229, 4))::integer < 0 THEN -1::float8 ELSE 1 END * CASE ((reverse(substring(records, start + 229, 4))::integer >> 23) & 255) WHEN 0 THEN (reverse(substring(records, start + 229, 4))::integer & 8388607) * power(2::float8, -149) WHEN 255 THEN CASE (reverse(substring(records, start + 229, 4))::integer & 8388607) WHEN 0 THEN 'Infinity'::float8 ELSE 'NaN' END ELSE ((reverse(substring(records, start + 229, 4))::integer & 8388607) + 8388608) * power(2::float8, ((reverse(substring(records, start + 229, 4))::integer >> 23) & 255) - 150) END)::real AS score,
    reverse(substring(records, start + 235, 2))::smallint AS kind,
    reverse(substring(records, start + 237, 2))::smallint AS state,
    reverse(substring(records, start + 239, 2))::smallint AS reason,
    reverse(substring(records, start + 241, 2))::smallint AS payment_type,
    reverse(substring(records, start + 243, 2))::smallint AS currency,
    reverse(substring(records, start + 245, 2))::smallint AS tier,
    reverse(substring(records, start + 247, 2))::smallint AS limit_count,
    reverse(substring(records, start + 249, 2))::smallint AS verification,
    reverse(substring(records, start + 251, 2))::smallint AS factors,
    reverse(substring(records, start + 253, 2))::smallint AS feature_registry,
    reverse(substring(records, start + 255, 2))::smallint AS flags,
    reverse(substring(records, start + 257, 8))::bigint AS from_us,
    reverse(substring(records, start + 265, 8))::bigint AS left_minor,
    reverse(substring(records, start + 273, 4))::integer AS maker,
    reverse(substring(records, start + 277, 2))::smallint AS option,
    reverse(substring(records, start + 279, 8))::bigint AS instrument,
    reverse(substring(records, start + 287, 8))::bigint AS device,
    reverse(substring(records, start + 295, 8))::bigint AS network,
    reverse(substring(records, start + 303, 8))::bigint AS place,
    reverse(substring(records, start + 311, 8))::bigint AS category,
    reverse(substring(records, start + 319, 4))::integer AS latitude_e4,
    reverse(substring(records, start + 323, 4))::integer AS longitude_e4,
    reverse(substring(records, start + 327, 2))::smallint AS channel,
    reverse(substring(records, start + 329, 2))::smallint AS was,
    CASE WHEN reverse(substring(records, start + 253, 2))::smallint > 0 THEN substring(records, start + 331, 128) END AS features
FROM (
    SELECT lane, first_seq, records, place, place * (octet_length(records) / rows) AS start, octet_length(records) / rows AS size
    FROM journal_sheet CROSS JOIN LATERAL generate_series(0, rows - 1) AS place
) AS stored;

-- Single rows, found by the key of their sheet: no sheet has more than 24 rows. The first one is a look-up of its own for each row that
-- is asked for (OFFSET 0): a join could be planned as a scan of all sheets, because nothing is known of a hot partition's size.
CREATE FUNCTION journal_at(of_lane integer, at bigint) RETURNS SETOF journal
LANGUAGE SQL STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT
    lane,
    first_seq AS sheet,
    first_seq + place AS seq,
    substring(records, start + 1, size) AS record,
    reverse(substring(records, start + 9, 8))::bigint AS time_us,
    encode(reverse(substring(records, start + 17, 8)) || reverse(substring(records, start + 25, 8)), 'hex')::uuid AS command_id,
    reverse(substring(records, start + 17, 8))::bigint AS id_hi,
    reverse(substring(records, start + 25, 8))::bigint AS id_lo,
    reverse(substring(records, start + 33, 8))::bigint AS fingerprint,
    reverse(substring(records, start + 41, 8))::bigint AS payer_account,
    reverse(substring(records, start + 49, 8))::bigint AS payee_account,
    reverse(substring(records, start + 57, 8))::bigint AS amount_minor,
    reverse(substring(records, start + 65, 8))::bigint AS held_minor,
    reverse(substring(records, start + 73, 8))::bigint AS moved_minor,
    reverse(substring(records, start + 81, 8))::bigint AS fee_minor,
    reverse(substring(records, start + 89, 8))::bigint AS limit_minor,
    reverse(substring(records, start + 97, 8))::bigint AS ref_seq,
    reverse(substring(records, start + 105, 8))::bigint AS ref_prev_seq,
    reverse(substring(records, start + 113, 8))::bigint AS payer_prev_seq,
    reverse(substring(records, start + 121, 8))::bigint AS payee_prev_seq,
    reverse(substring(records, start + 129, 8))::bigint AS fee_prev_seq,
    reverse(substring(records, start + 137, 8))::bigint AS expires_us,
    reverse(substring(records, start + 145, 8))::bigint AS rules_fired,
    substring(records, start + 153, 32) AS side_hash,
    reverse(substring(records, start + 185, 4))::integer AS client,
    reverse(substring(records, start + 189, 4))::integer AS customer,
    reverse(substring(records, start + 193, 4))::integer AS purse,
    reverse(substring(records, start + 197, 4))::integer AS business_day,
    reverse(substring(records, start + 201, 4))::integer AS limit_day,
    reverse(substring(records, start + 205, 4))::integer AS policy_version,
    reverse(substring(records, start + 209, 4))::integer AS pack_version,
    reverse(substring(records, start + 213, 4))::integer AS model_version,
    reverse(substring(records, start + 217, 4))::integer AS approval_1,
    reverse(substring(records, start + 221, 4))::integer AS approval_2,
    reverse(substring(records, start + 225, 4))::integer AS approval_3,
    (CASE WHEN reverse(substring(records, start + 229, 4))::integer < 0 THEN -1::float8 ELSE 1 END * CASE ((reverse(substring(records, start + 229, 4))::integer >> 23) & 255) WHEN 0 THEN (reverse(substring(records, start + 229, 4))::integer & 8388607) * power(2::float8, -149) WHEN 255 THEN CASE (reverse(substring(records, start + 229, 4))::integer & 8388607) WHEN 0 THEN 'Infinity'::float8 ELSE 'NaN' END ELSE ((reverse(substring(records, start + 229, 4))::integer & 8388607) + 8388608) * power(2::float8, ((reverse(substring(records, start + 229, 4))::integer >> 23) & 255) - 150) END)::real AS score,
    reverse(substring(records, start + 235, 2))::smallint AS kind,
    reverse(substring(records, start + 237, 2))::smallint AS state,
    reverse(substring(records, start + 239, 2))::smallint AS reason,
    reverse(substring(records, start + 241, 2))::smallint AS payment_type,
    reverse(substring(records, start + 243, 2))::smallint AS currency,
    reverse(substring(records, start + 245, 2))::smallint AS tier,
    reverse(substring(records, start + 247, 2))::smallint AS limit_count,
    reverse(substring(records, start + 249, 2))::smallint AS verification,
    reverse(substring(records, start + 251, 2))::smallint AS factors,
    reverse(substring(records, start + 253, 2))::smallint AS feature_registry,
    reverse(substring(records, start + 255, 2))::smallint AS flags,
    reverse(substring(records, start + 257, 8))::bigint AS from_us,
    reverse(substring(records, start + 265, 8))::bigint AS left_minor,
    reverse(substring(records, start + 273, 4))::integer AS maker,
    reverse(substring(records, start + 277, 2))::smallint AS option,
    reverse(substring(records, start + 279, 8))::bigint AS instrument,
    reverse(substring(records, start + 287, 8))::bigint AS device,
    reverse(substring(records, start + 295, 8))::bigint AS network,
    reverse(substring(records, start + 303, 8))::bigint AS place,
    reverse(substring(records, start + 311, 8))::bigint AS category,
    reverse(substring(records, start + 319, 4))::integer AS latitude_e4,
    reverse(substring(records, start + 323, 4))::integer AS longitude_e4,
    reverse(substring(records, start + 327, 2))::smallint AS channel,
    reverse(substring(records, start + 329, 2))::smallint AS was,
    CASE WHEN reverse(substring(records, start + 253, 2))::smallint > 0 THEN substring(records, start + 331, 128) END AS features
FROM (
    SELECT lane, first_seq, records, place, place * (octet_length(records) / rows) AS start, octet_length(records) / rows AS size
    FROM journal_sheet CROSS JOIN LATERAL (SELECT (at - first_seq)::integer AS place) AS wanted
    WHERE lane = of_lane AND first_seq > at - 24 AND first_seq <= at AND place < rows OFFSET 0
) AS stored;
END;

CREATE FUNCTION journal_between(of_lane integer, after bigint, until bigint) RETURNS SETOF journal
LANGUAGE SQL STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT * FROM journal WHERE lane = of_lane AND sheet > after - 24 AND sheet <= until AND seq > after AND seq <= until;
END;

-- Who could read the view reads the new one and what is stored, who could write into the table writes into the new one.
DO $$
DECLARE
    given record;
BEGIN
    FOR given IN
        SELECT DISTINCT privilege_type, target,
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS who,
            CASE WHEN is_grantable THEN 'WITH GRANT OPTION' ELSE '' END AS how
        FROM pg_class, aclexplode(relacl), unnest(CASE privilege_type
            WHEN 'SELECT' THEN ARRAY['journal', 'journal_sheet', 'journal_ids', 'journal_follow']
            ELSE ARRAY['journal_sheet', 'journal_key'] END) AS target
        WHERE pg_class.oid IN ('journal_record'::regclass, 'journal_before'::regclass) AND grantee <> relowner
    LOOP
        EXECUTE format('GRANT %s ON %s TO %s %s', given.privilege_type, given.target, given.who, given.how);
    END LOOP;
END
$$;

DROP VIEW journal_before;

-- Every partition is written anew: its rows, and for a closed one what is asked of it.
DO $$
DECLARE
    part record;
    given record;
    old text;
    new text;
    keys text;
    missing bigint;
BEGIN
    FOR part IN SELECT lane, first_seq, end_seq, indexed FROM journal_partition ORDER BY lane, first_seq LOOP
        old := format('journal_record_%s_%s', part.lane, part.first_seq);
        new := format('journal_sheet_%s_%s', part.lane, part.first_seq);
        EXECUTE format(
            'CREATE TABLE %I (LIKE journal_sheet INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE) WITH (autovacuum_enabled = false)',
            new);
        EXECUTE format('SELECT max(seq) - min(seq) + 1 - count(*) FROM %I', old) INTO missing;
        IF missing <> 0 THEN
            RAISE EXCEPTION '% has gaps (% rows are missing); nothing was changed, run "penstock verify" of the release before', old, missing;
        END IF;
        EXECUTE format($sheets$
            INSERT INTO %I (lane, first_seq, rows, records)
            SELECT lane, min(seq), count(*), string_agg(
                record || substring(decode(repeat('00', 128), 'hex'), 1, longest - octet_length(record)), '' ORDER BY seq)
            FROM (
                SELECT lane, seq, record, (seq - %2$s) / 17 AS sheet, max(octet_length(record)) OVER (PARTITION BY (seq - %2$s) / 17) AS longest
                FROM %3$I
            ) AS stored
            GROUP BY lane, sheet ORDER BY sheet
        $sheets$, new, part.first_seq, old);
        EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (lane, first_seq)', new);
        EXECUTE format('ALTER TABLE journal_sheet ATTACH PARTITION %I FOR VALUES FROM (%s, %s) TO (%s, %s)',
            new, part.lane, part.first_seq, part.lane, part.end_seq);
        FOR given IN
            SELECT privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS who
            FROM pg_class, aclexplode(relacl) WHERE pg_class.oid = to_regclass(old) AND grantee <> relowner
        LOOP
            EXECUTE format('GRANT %s ON %I TO %s', given.privilege_type, new, given.who);
        END LOOP;
        keys := format('journal_key_%s_%s', part.lane, part.first_seq);
        EXECUTE format('CREATE TABLE %I (LIKE journal_key INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE) WITH (autovacuum_enabled = false)', keys);
        EXECUTE format('ALTER TABLE journal_key ATTACH PARTITION %I FOR VALUES FROM (%s, %s) TO (%s, %s)',
            keys, part.lane, part.first_seq, part.lane, part.end_seq);
        IF NOT part.indexed THEN
            EXECUTE format($keys$
                INSERT INTO %I (lane, first_seq, keys)
                SELECT lane, min(seq), string_agg(substring(record, 17, 16) || substring(record, 185, 4)
                    || CASE WHEN reverse(substring(record, 105, 8))::bigint > 0 THEN substring(record, 97, 8) ELSE int8send(0) END, '' ORDER BY seq)
                FROM %I GROUP BY lane, (seq - %s) / 280
            $keys$, keys, old, part.first_seq);
        ELSE
            EXECUTE format($ids$
                INSERT INTO journal_ids
                SELECT %s, %s, (array_agg(id_hi ORDER BY place))[1], (array_agg(id_lo ORDER BY place))[1],
                    (array_agg(client ORDER BY place))[1], string_agg(id, '' ORDER BY place)
                FROM (
                    SELECT id_hi, id_lo, client, row_number() OVER (ORDER BY id_hi, id_lo, client) - 1 AS place,
                        substring(record, 17, 16) || substring(record, 185, 4) || substring(record, 1, 8) AS id
                    FROM %I, LATERAL (SELECT
                        reverse(substring(record, 17, 8))::bigint AS id_hi, reverse(substring(record, 25, 8))::bigint AS id_lo,
                        reverse(substring(record, 185, 4))::integer AS client
                    ) AS key
                ) AS sorted
                GROUP BY place / 280
            $ids$, part.lane, part.first_seq, old);
            EXECUTE format($follow$
                INSERT INTO journal_follow
                SELECT lane, reverse(substring(record, 97, 8))::bigint, seq FROM %I
                WHERE reverse(substring(record, 97, 8))::bigint > 0 AND reverse(substring(record, 105, 8))::bigint > 0
            $follow$, old);
        END IF;
    END LOOP;
END
$$;

UPDATE journal_partition SET frozen = false;
DROP TABLE journal_record;

RESET ROLE;
