-- Many appends of one stream each in one statement, each with an answer of its own: one that does not meet its
-- expected version is left out, and the others are stored. No stream may appear twice, and each gets an event at
-- least. `append` says what the parameters are; _keys are the keys of _streams.
--
-- Answers for each stream as `append_one` does; `outcomes` is null when all were stored.
-- As with `append_one`, an event id that is stored already fails the whole call.
--
-- The plans are made once and not for each call: for few appends Postgres would think them worth making anew each time,
-- which takes longer than to run them. For all else about them, see `append`; the settings are as in `append_one`.
CREATE FUNCTION {schema}.append_each(
    _store integer, _server timestamptz, _synchronous_commit text, _keys uuid[], _streams text[], _expected bigint[],
    _part integer[], _nth integer[], _ids uuid[], _kinds integer[], _schema_versions integer[],
    _correlation_ids uuid[], _causation_ids uuid[], _metadata json[], _payloads json[],
    OUT outcomes integer[], OUT versions bigint[], OUT positions bigint[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    key uuid;
    held_elsewhere uuid[] := '{}';
    recorded timestamptz;
    keys uuid[];
    done text;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'events are appended in a transaction that is READ COMMITTED, and this one is %',
            upper(current_setting('transaction_isolation')) USING ERRCODE = 'AN003';
    END IF;
    IF _store <> {schema_id} OR _server <> pg_postmaster_start_time() THEN
        outcomes := array_fill(3, ARRAY[cardinality(_keys)]);
        versions := array_fill(0::bigint, ARRAY[cardinality(_keys)]);
        positions := versions;
        RETURN;
    END IF;
    IF _synchronous_commit IS NOT NULL THEN
        done := set_config('synchronous_commit', _synchronous_commit, true);
    END IF;
    done := set_config('plan_cache_mode', 'force_generic_plan', true);
    done := set_config('enable_seqscan', 'off', true);
    FOREACH key IN ARRAY _keys LOOP
        IF NOT pg_try_advisory_xact_lock(uuid_hash_extended(key, {schema_id})) THEN
            held_elsewhere := held_elsewhere || key;
        END IF;
    END LOOP;
    done := set_config('annals.append', 'on', true);
    done := pg_advisory_xact_lock_shared({schema_id}, {last_position}::bit(32)::integer);
    recorded := clock_timestamp();
    WITH stored AS (
        INSERT INTO {schema}.events
        SELECT nextval('{schema}.positions'), now.version + now.nth, recorded, now.kind, now.schema_version, now.key,
               now.id, now.correlation_id, now.causation_id, now.name, now.metadata, now.payload
        FROM (SELECT *, {version_of} AS version
              FROM (SELECT *, _keys[part] AS key, _streams[part] AS name, _expected[part] AS expected
                    FROM unnest(_part, _nth, _ids, _kinds, _schema_versions, _correlation_ids, _causation_ids,
                                _metadata, _payloads)
                        AS n (part, nth, id, kind, schema_version, correlation_id, causation_id, metadata, payload)) AS n
              OFFSET 0) AS now
        WHERE (now.version = now.expected OR now.expected = -2 OR now.expected = -1 AND now.version > 0)
          AND now.key <> ALL (held_elsewhere)
        RETURNING stream_key, version, position
    )
    SELECT array_agg(stream_key), array_agg(version), array_agg(position) INTO keys, versions, positions FROM stored;
    IF keys = _keys THEN
        RETURN;
    END IF;
    SELECT array_agg(CASE
               WHEN n.key = ANY (keys) THEN 0
               WHEN n.key = ANY (held_elsewhere)
                   OR EXISTS (SELECT FROM unnest(_part, _ids) AS i (part, id)
                              CROSS JOIN LATERAL (SELECT FROM {schema}.events e WHERE e.id = i.id OFFSET 0) AS e
                              WHERE i.part = n.part) THEN 3
               ELSE 1
           END ORDER BY n.part),
           array_agg({version_of} ORDER BY n.part),
           array_agg(coalesce((SELECT max(s.position) FROM unnest(keys, positions) AS s (key, position) WHERE s.key = n.key), 0)
                     ORDER BY n.part)
    INTO outcomes, versions, positions
    FROM unnest(_keys, _streams) WITH ORDINALITY AS n (key, name, part);
END
$$;
