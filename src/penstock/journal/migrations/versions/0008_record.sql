-- The journal row is stored as its bytes: the canonical encoding that the digest chain covers, and nothing else.
-- PostgreSQL takes and gives one value faster than 57 (docs/adr/0020). All columns are still there, computed when they
-- are read. They are as journal/layout.py wrote them down when this migration was made.
SET ROLE penstock_keeper;
SET search_path = penstock;

ALTER TABLE journal RENAME TO journal_in_columns;
ALTER TABLE journal_in_columns RENAME CONSTRAINT journal_pkey TO journal_in_columns_pkey;

-- No computed column is NOT NULL: it would be computed for each row that is written.
CREATE TABLE journal (
    lane   smallint NOT NULL,
    seq    bigint   NOT NULL,
    record bytea    STORAGE PLAIN NOT NULL,   -- 458 bytes, 330 without a vector; see contracts/row.py
    time_us          bigint   GENERATED ALWAYS AS (reverse(substring(record, 9, 8))::bigint) VIRTUAL,
    command_id       uuid     GENERATED ALWAYS AS (
        encode(reverse(substring(record, 17, 8)) || reverse(substring(record, 25, 8)), 'hex')::uuid
    ) VIRTUAL,
    fingerprint      bigint   GENERATED ALWAYS AS (reverse(substring(record, 33, 8))::bigint) VIRTUAL,
    payer_account    bigint   GENERATED ALWAYS AS (reverse(substring(record, 41, 8))::bigint) VIRTUAL,
    payee_account    bigint   GENERATED ALWAYS AS (reverse(substring(record, 49, 8))::bigint) VIRTUAL,
    amount_minor     bigint   GENERATED ALWAYS AS (reverse(substring(record, 57, 8))::bigint) VIRTUAL,
    held_minor       bigint   GENERATED ALWAYS AS (reverse(substring(record, 65, 8))::bigint) VIRTUAL,
    moved_minor      bigint   GENERATED ALWAYS AS (reverse(substring(record, 73, 8))::bigint) VIRTUAL,
    fee_minor        bigint   GENERATED ALWAYS AS (reverse(substring(record, 81, 8))::bigint) VIRTUAL,
    limit_minor      bigint   GENERATED ALWAYS AS (reverse(substring(record, 89, 8))::bigint) VIRTUAL,
    ref_seq          bigint   GENERATED ALWAYS AS (reverse(substring(record, 97, 8))::bigint) VIRTUAL,
    ref_prev_seq     bigint   GENERATED ALWAYS AS (reverse(substring(record, 105, 8))::bigint) VIRTUAL,
    payer_prev_seq   bigint   GENERATED ALWAYS AS (reverse(substring(record, 113, 8))::bigint) VIRTUAL,
    payee_prev_seq   bigint   GENERATED ALWAYS AS (reverse(substring(record, 121, 8))::bigint) VIRTUAL,
    fee_prev_seq     bigint   GENERATED ALWAYS AS (reverse(substring(record, 129, 8))::bigint) VIRTUAL,
    expires_us       bigint   GENERATED ALWAYS AS (reverse(substring(record, 137, 8))::bigint) VIRTUAL,
    rules_fired      bigint   GENERATED ALWAYS AS (reverse(substring(record, 145, 8))::bigint) VIRTUAL,
    side_hash        bytea    GENERATED ALWAYS AS (substring(record, 153, 32)) VIRTUAL,
    client           integer  GENERATED ALWAYS AS (reverse(substring(record, 185, 4))::integer) VIRTUAL,
    customer         integer  GENERATED ALWAYS AS (reverse(substring(record, 189, 4))::integer) VIRTUAL,
    purse            integer  GENERATED ALWAYS AS (reverse(substring(record, 193, 4))::integer) VIRTUAL,
    business_day     integer  GENERATED ALWAYS AS (reverse(substring(record, 197, 4))::integer) VIRTUAL,
    limit_day        integer  GENERATED ALWAYS AS (reverse(substring(record, 201, 4))::integer) VIRTUAL,
    policy_version   integer  GENERATED ALWAYS AS (reverse(substring(record, 205, 4))::integer) VIRTUAL,
    pack_version     integer  GENERATED ALWAYS AS (reverse(substring(record, 209, 4))::integer) VIRTUAL,
    model_version    integer  GENERATED ALWAYS AS (reverse(substring(record, 213, 4))::integer) VIRTUAL,
    approval_1       integer  GENERATED ALWAYS AS (reverse(substring(record, 217, 4))::integer) VIRTUAL,
    approval_2       integer  GENERATED ALWAYS AS (reverse(substring(record, 221, 4))::integer) VIRTUAL,
    approval_3       integer  GENERATED ALWAYS AS (reverse(substring(record, 225, 4))::integer) VIRTUAL,
    score            real     GENERATED ALWAYS AS (
        (CASE WHEN reverse(substring(record, 229, 4))::integer < 0 THEN -1::float8 ELSE 1 END
        * CASE ((reverse(substring(record, 229, 4))::integer >> 23) & 255)
            WHEN 0 THEN (reverse(substring(record, 229, 4))::integer & 8388607) * power(2::float8, -149)
            WHEN 255 THEN
                CASE (reverse(substring(record, 229, 4))::integer & 8388607)
                    WHEN 0 THEN 'Infinity'::float8 ELSE 'NaN' END
            ELSE ((reverse(substring(record, 229, 4))::integer & 8388607) + 8388608)
                * power(2::float8, ((reverse(substring(record, 229, 4))::integer >> 23) & 255) - 150)
        END)::real
    ) VIRTUAL,
    kind             smallint GENERATED ALWAYS AS (reverse(substring(record, 235, 2))::smallint) VIRTUAL,
    state            smallint GENERATED ALWAYS AS (reverse(substring(record, 237, 2))::smallint) VIRTUAL,
    reason           smallint GENERATED ALWAYS AS (reverse(substring(record, 239, 2))::smallint) VIRTUAL,
    payment_type     smallint GENERATED ALWAYS AS (reverse(substring(record, 241, 2))::smallint) VIRTUAL,
    currency         smallint GENERATED ALWAYS AS (reverse(substring(record, 243, 2))::smallint) VIRTUAL,
    tier             smallint GENERATED ALWAYS AS (reverse(substring(record, 245, 2))::smallint) VIRTUAL,
    limit_count      smallint GENERATED ALWAYS AS (reverse(substring(record, 247, 2))::smallint) VIRTUAL,
    verification     smallint GENERATED ALWAYS AS (reverse(substring(record, 249, 2))::smallint) VIRTUAL,
    factors          smallint GENERATED ALWAYS AS (reverse(substring(record, 251, 2))::smallint) VIRTUAL,
    feature_registry smallint GENERATED ALWAYS AS (reverse(substring(record, 253, 2))::smallint) VIRTUAL,
    flags            smallint GENERATED ALWAYS AS (reverse(substring(record, 255, 2))::smallint) VIRTUAL,
    from_us          bigint   GENERATED ALWAYS AS (reverse(substring(record, 257, 8))::bigint) VIRTUAL,
    left_minor       bigint   GENERATED ALWAYS AS (reverse(substring(record, 265, 8))::bigint) VIRTUAL,
    maker            integer  GENERATED ALWAYS AS (reverse(substring(record, 273, 4))::integer) VIRTUAL,
    option           smallint GENERATED ALWAYS AS (reverse(substring(record, 277, 2))::smallint) VIRTUAL,
    instrument       bigint   GENERATED ALWAYS AS (reverse(substring(record, 279, 8))::bigint) VIRTUAL,
    device           bigint   GENERATED ALWAYS AS (reverse(substring(record, 287, 8))::bigint) VIRTUAL,
    network          bigint   GENERATED ALWAYS AS (reverse(substring(record, 295, 8))::bigint) VIRTUAL,
    place            bigint   GENERATED ALWAYS AS (reverse(substring(record, 303, 8))::bigint) VIRTUAL,
    category         bigint   GENERATED ALWAYS AS (reverse(substring(record, 311, 8))::bigint) VIRTUAL,
    latitude_e4      integer  GENERATED ALWAYS AS (reverse(substring(record, 319, 4))::integer) VIRTUAL,
    longitude_e4     integer  GENERATED ALWAYS AS (reverse(substring(record, 323, 4))::integer) VIRTUAL,
    channel          smallint GENERATED ALWAYS AS (reverse(substring(record, 327, 2))::smallint) VIRTUAL,
    was              smallint GENERATED ALWAYS AS (reverse(substring(record, 329, 2))::smallint) VIRTUAL,
    features         bytea    GENERATED ALWAYS AS (
        CASE WHEN octet_length(record) > 330 THEN substring(record, 331, 128) END
    ) VIRTUAL,
    PRIMARY KEY (lane, seq)
) PARTITION BY RANGE (lane, seq);

CREATE FUNCTION copy_rights(source oid, target regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    given record;
BEGIN
    FOR given IN
        SELECT privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS who,
            CASE WHEN is_grantable THEN 'WITH GRANT OPTION' ELSE '' END AS how
        FROM pg_class, aclexplode(relacl) WHERE pg_class.oid = source AND grantee <> relowner
    LOOP
        EXECUTE format('GRANT %s ON %s TO %s %s', given.privilege_type, target, given.who, given.how);
    END LOOP;
END
$$;

-- Fills a new partition from one in columns. A row whose hash or vector has another length than it should is refused:
-- as bytes it would be another row.
CREATE FUNCTION copy_rows(source text, target text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    odd bigint;
BEGIN
    EXECUTE format($odd$
        SELECT min(seq) FROM %I WHERE octet_length(side_hash) <> 32 OR octet_length(features) <> 128
    $odd$, source) INTO odd;
    IF odd IS NOT NULL THEN
        RAISE EXCEPTION 'row % in % has a hash or a vector of a wrong length', odd, target
            USING HINT = 'Run `penstock verify` of the version before this one.';
    END IF;
    EXECUTE format($copy$
        INSERT INTO %I (lane, seq, record) SELECT lane, seq,
            reverse(int8send(seq)) || reverse(int8send(time_us)) || reverse(substring(uuid_send(command_id), 1, 8))
                || reverse(substring(uuid_send(command_id), 9, 8)) || reverse(int8send(fingerprint))
                || reverse(int8send(payer_account)) || reverse(int8send(payee_account))
                || reverse(int8send(amount_minor)) || reverse(int8send(held_minor)) || reverse(int8send(moved_minor))
                || reverse(int8send(fee_minor)) || reverse(int8send(limit_minor)) || reverse(int8send(ref_seq))
                || reverse(int8send(ref_prev_seq)) || reverse(int8send(payer_prev_seq))
                || reverse(int8send(payee_prev_seq)) || reverse(int8send(fee_prev_seq))
                || reverse(int8send(expires_us)) || reverse(int8send(rules_fired)) || side_hash
                || reverse(int4send(client)) || reverse(int4send(customer)) || reverse(int4send(purse))
                || reverse(int4send(business_day)) || reverse(int4send(limit_day))
                || reverse(int4send(policy_version)) || reverse(int4send(pack_version))
                || reverse(int4send(model_version)) || reverse(int4send(approval_1)) || reverse(int4send(approval_2))
                || reverse(int4send(approval_3)) || reverse(float4send(score)) || reverse(int2send(lane))
                || reverse(int2send(kind)) || reverse(int2send(state)) || reverse(int2send(reason))
                || reverse(int2send(payment_type)) || reverse(int2send(currency)) || reverse(int2send(tier))
                || reverse(int2send(limit_count)) || reverse(int2send(verification)) || reverse(int2send(factors))
                || reverse(int2send(feature_registry)) || reverse(int2send(flags)) || reverse(int8send(from_us))
                || reverse(int8send(left_minor)) || reverse(int4send(maker)) || reverse(int2send(option))
                || reverse(int8send(instrument)) || reverse(int8send(device)) || reverse(int8send(network))
                || reverse(int8send(place)) || reverse(int8send(category)) || reverse(int4send(latitude_e4))
                || reverse(int4send(longitude_e4)) || reverse(int2send(channel)) || reverse(int2send(was))
                || coalesce(features, '')
        FROM %I
    $copy$, target, source);
END
$$;

SELECT copy_rights('journal_in_columns'::regclass, 'journal');

-- Partition by partition. Until the commit every row lies there twice. Indices are quicker made after the rows.
DO $$
DECLARE
    part record;
    old text;
BEGIN
    FOR part IN
        SELECT child.oid, child.relname AS name, pg_get_expr(child.relpartbound, child.oid) AS bounds,
            to_regclass(format('%I', child.relname || '_id')) IS NOT NULL AS has_id,
            to_regclass(format('%I', child.relname || '_ref')) IS NOT NULL AS has_ref
        FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
        WHERE inhparent = 'journal_in_columns'::regclass ORDER BY child.oid
    LOOP
        old := part.name || '_in_columns';
        EXECUTE format('ALTER TABLE journal_in_columns DETACH PARTITION %I', part.name);
        EXECUTE format('ALTER TABLE %I RENAME TO %I', part.name, old);
        EXECUTE format($make$
            CREATE TABLE %I (
                LIKE journal INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE
            ) WITH (autovacuum_vacuum_insert_threshold = -1)
        $make$, part.name);
        PERFORM copy_rights(part.oid, part.name::regclass);
        PERFORM copy_rows(old, part.name);
        EXECUTE format('DROP TABLE %I', old);
        EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (lane, seq)', part.name);
        IF part.has_id THEN
            EXECUTE format($index$
                CREATE UNIQUE INDEX %I ON %I (
                    (encode(reverse(substring(record, 17, 8)) || reverse(substring(record, 25, 8)), 'hex')::uuid),
                    (reverse(substring(record, 185, 4))::integer)
                )
            $index$, part.name || '_id', part.name);
        END IF;
        IF part.has_ref THEN
            EXECUTE format($index$
                CREATE INDEX %I ON %I ((reverse(substring(record, 97, 8))::bigint))
                    WHERE reverse(substring(record, 97, 8))::bigint > 0
            $index$, part.name || '_ref', part.name);
        END IF;
        EXECUTE format('ANALYZE %I', part.name);
        EXECUTE format('ALTER TABLE journal ATTACH PARTITION %I %s', part.name, part.bounds);
    END LOOP;
END
$$;

DROP TABLE journal_in_columns;
DROP FUNCTION copy_rows, copy_rights;

RESET ROLE;
