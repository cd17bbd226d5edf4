-- Appends to one or several streams, all or nothing. This is the append that settles every case; `append_one` and
-- `append_each` are quicker ways for when nothing is in the way.
--
--   _store     the id of this schema, to which the numbers in _kinds belong
--   _server    when the server was started that they were read from; null if they were read in this session. A standby that takes
--              over may lack the latest, and give them to others
--   _synchronous_commit   that setting of Postgres for this transaction; null leaves it as it is
--   _patience  for how many milliseconds to wait for the locks of streams, all together, before the call fails; null leaves
--              `lock_timeout` as it is, too
--   _streams   the names, each once                        _expected  n: at version n, -1: exists, -2: any version
--   _counts    how many events each stream gets; 0 stores nothing but demands the expected version
--   _part, _nth, _ids, …   for each event: its stream (an index into _streams), its number therein, and what it is
--
-- Answers for each stream: `outcomes` (0 stored, 1 conflict, 2 an event id is taken, 3 the numbers are of another schema or server
-- and have to be read again), `versions` (after the append; for a conflict, where the stream is), `positions` (of the last event, 0
-- without events).
--
-- The order of the steps is what makes it right:
-- 1. lock the streams, all in one order, so that no two appends wait for each other;
-- 2. look the event ids up: an append that is sent again finds its first try, which held the same locks;
-- 3. check the versions, and that no other stream has the key: a conflict takes no position;
-- 4. declare: hold a shared lock that names the last position taken so far. Whoever sees it knows that positions
--    above may still become visible, and that none at or below it can because of this append;
-- 5. take positions and insert.
--
-- Events are looked up one by one in their indexes even if Postgres believes that there are none, or a handful, and would rather
-- go through all: that plan would be kept while the table grows, until it is analyzed again. Hence no sequential scan, and
-- subqueries with OFFSET 0, which are not joined in another way.
CREATE FUNCTION {schema}.append(
    _store integer, _server timestamptz, _synchronous_commit text, _patience integer,
    _streams text[], _expected bigint[], _counts integer[],
    _part integer[], _nth integer[], _ids uuid[], _kinds integer[], _schema_versions integer[],
    _correlation_ids uuid[], _causation_ids uuid[], _metadata json[], _payloads json[],
    OUT outcomes integer[], OUT versions bigint[], OUT positions bigint[]
) LANGUAGE plpgsql SET plan_cache_mode = 'force_generic_plan' SET enable_seqscan = 'off' AS $$
#variable_conflict use_column
DECLARE
    keys uuid[] := ARRAY(SELECT {schema}.stream_key(name) FROM unnest(_streams) AS s (name));
    deadline CONSTANT timestamptz := clock_timestamp() + _patience * interval '1 ms';
    lock bigint;
    name text;
    namesake text;
    recorded timestamptz;
    taken bigint[];
    done text;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'events are appended in a transaction that is READ COMMITTED, and this one is %',
            upper(current_setting('transaction_isolation')) USING ERRCODE = 'AN003';
    END IF;
    IF _store <> {schema_id} OR _server <> pg_postmaster_start_time() THEN
        outcomes := array_fill(3, ARRAY[cardinality(keys)]);
        versions := array_fill(0::bigint, ARRAY[cardinality(keys)]);
        positions := versions;
        RETURN;
    END IF;
    IF _synchronous_commit IS NOT NULL THEN
        done := set_config('synchronous_commit', _synchronous_commit, true);
    END IF;

    FOR lock IN SELECT DISTINCT uuid_hash_extended(key, {schema_id}) FROM unnest(keys) AS k (key) ORDER BY 1 LOOP
        IF deadline IS NOT NULL THEN
            done := {schema}.lock_until(deadline);
        END IF;
        done := pg_advisory_xact_lock(lock);
    END LOOP;
    versions := ARRAY(SELECT {version_of} FROM unnest(keys, _streams) AS k (key, name));
    positions := array_fill(0::bigint, ARRAY[cardinality(keys)]);
    outcomes := array_fill(0, ARRAY[cardinality(keys)]);

    IF EXISTS (SELECT FROM {schema}.events e WHERE e.id = ANY (_ids)) THEN
        SELECT array_agg(CASE WHEN p.count = first.number THEN 0 ELSE 2 END ORDER BY p.part),
               array_agg(CASE WHEN p.count = 0 THEN versions[p.part] ELSE coalesce(first.version, 0) END ORDER BY p.part),
               array_agg(CASE WHEN p.count = 0 THEN 0 ELSE coalesce(first.position, 0) END ORDER BY p.part)
        INTO outcomes, versions, positions
        FROM unnest(_counts) WITH ORDINALITY AS p (count, part)
        CROSS JOIN LATERAL (
            SELECT CASE WHEN min(e.version - n.nth) = max(e.version - n.nth) THEN count(*) ELSE 0 END AS number,
                   max(e.version) AS version, max(e.position) AS position
            FROM unnest(_part, _nth, _ids) AS n (part, nth, id)
            JOIN {schema}.events e ON e.id = n.id AND e.stream_key = keys[p.part] AND e.stream = _streams[p.part]
            WHERE n.part = p.part
        ) AS first;
    ELSE
        FOR part IN 1 .. cardinality(keys) LOOP
            IF NOT (_expected[part] = -2 OR _expected[part] = versions[part] OR _expected[part] = -1 AND versions[part] > 0)
            THEN
                outcomes[part] := 1;
                EXIT;
            END IF;
        END LOOP;
        IF NOT 1 = ANY (outcomes) AND cardinality(_ids) > 0 THEN
            SELECT k.name, e.stream INTO name, namesake
            FROM unnest(keys, _streams) AS k (key, name)
            CROSS JOIN LATERAL (SELECT e.stream FROM {schema}.events e WHERE e.stream_key = k.key AND e.version = 1 OFFSET 0) AS e
            WHERE e.stream <> k.name LIMIT 1;
            IF FOUND THEN
                RAISE EXCEPTION 'the stream % has the same key as the stream %', name, namesake
                    USING ERRCODE = 'AN004', HINT = 'Give the entity another id.';
            END IF;
            done := set_config('annals.append', 'on', true);
            done := pg_advisory_xact_lock_shared({schema_id}, {last_position}::bit(32)::integer);
            recorded := clock_timestamp();
            WITH stored AS (
                INSERT INTO {schema}.events
                SELECT nextval('{schema}.positions'), versions[n.part] + n.nth, recorded, n.kind, n.schema_version,
                       keys[n.part], n.id, n.correlation_id, n.causation_id, _streams[n.part], n.metadata, n.payload
                FROM unnest(_part, _nth, _ids, _kinds, _schema_versions, _correlation_ids, _causation_ids, _metadata, _payloads)
                    AS n (part, nth, id, kind, schema_version, correlation_id, causation_id, metadata, payload)
                RETURNING position
            )
            SELECT array_agg(position ORDER BY position) INTO taken FROM stored;
            done := set_config('annals.append', '', true);
            SELECT array_agg(versions[p.part] + p.count ORDER BY p.part),
                   array_agg(CASE WHEN p.count = 0 THEN 0 ELSE taken[p.through] END ORDER BY p.part)
            INTO versions, positions
            FROM (SELECT count, part, sum(count) OVER (ORDER BY part)::integer AS through
                  FROM unnest(_counts) WITH ORDINALITY AS c (count, part)) AS p;
        END IF;
    END IF;
END
$$;
