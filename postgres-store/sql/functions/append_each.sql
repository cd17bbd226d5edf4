-- Many appends of one stream each in one statement, each with an answer of its own: one that does not meet its
-- expected version is left out, and the others are stored. No stream may appear twice, and each gets an event at
-- least. `append` says what the parameters are; _keys are the keys of _streams.
--
-- Answers for each stream: `outcomes` as `append_one` has them, and `versions`, where the stream was before. Besides,
-- `positions` of all events that were stored, in the order of the events.
-- As with `append_one`, an event id that is stored already fails the whole call.
CREATE FUNCTION {schema}.append_each(
    _store integer, _synchronous_commit text, _keys uuid[], _streams text[], _expected bigint[], _counts integer[],
    _part integer[], _nth integer[], _ids uuid[], _kinds integer[], _schema_versions integer[],
    _correlation_ids uuid[], _causation_ids uuid[], _metadata json[], _payloads json[],
    OUT outcomes integer[], OUT versions bigint[], OUT positions bigint[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    locked boolean[];
    recorded timestamptz;
    done text;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'events are appended in a transaction that is READ COMMITTED, and this one is %',
            upper(current_setting('transaction_isolation')) USING ERRCODE = 'AN003';
    END IF;
    IF _store <> {schema_id} THEN
        RAISE EXCEPTION 'this schema has replaced the one that the numbers of the event kinds are from'
            USING ERRCODE = 'AN001';
    END IF;
    IF _synchronous_commit IS NOT NULL THEN
        done := set_config('synchronous_commit', _synchronous_commit, true);
    END IF;
    locked := ARRAY(SELECT pg_try_advisory_xact_lock(uuid_hash_extended(key, {schema_id})) FROM unnest(_keys) AS k (key));
    SELECT array_agg(now.version), array_agg(CASE
               WHEN NOT now.is_locked THEN 3
               WHEN now.version = now.expected OR now.expected = -2 OR now.expected = -1 AND now.version > 0 THEN 0
               ELSE 1
           END)
    INTO versions, outcomes
    FROM (SELECT expected, is_locked, {version_of} AS version
          FROM unnest(_keys, _streams, _expected, locked) AS k (key, name, expected, is_locked) OFFSET 0) AS now;

    done := set_config('annals.append', 'on', true);
    done := pg_advisory_xact_lock_shared({schema_id}, {last_position}::bit(32)::integer);
    recorded := clock_timestamp();
    WITH stored AS (
        INSERT INTO {schema}.events
        SELECT nextval('{schema}.positions'), versions[n.part] + n.nth, recorded, n.kind, n.schema_version,
               _keys[n.part], n.id, n.correlation_id, n.causation_id, _streams[n.part], n.metadata, n.payload
        FROM unnest(_part, _nth, _ids, _kinds, _schema_versions, _correlation_ids, _causation_ids, _metadata, _payloads)
            AS n (part, nth, id, kind, schema_version, correlation_id, causation_id, metadata, payload)
        WHERE outcomes[n.part] = 0
        RETURNING position
    )
    SELECT array_agg(position ORDER BY position) INTO positions FROM stored;
    done := set_config('annals.append', '', true);

    IF 1 = ANY (outcomes) THEN
        outcomes := ARRAY(
            SELECT CASE WHEN p.outcome = 1 AND known.id IS NOT NULL THEN 3 ELSE p.outcome END
            FROM unnest(outcomes) WITH ORDINALITY AS p (outcome, part)
            LEFT JOIN LATERAL (
                SELECT e.id FROM unnest(_part, _ids) AS n (part, id) JOIN {schema}.events e ON e.id = n.id
                WHERE n.part = p.part AND p.outcome = 1 LIMIT 1
            ) AS known ON true
            ORDER BY p.part);
    END IF;
END
$$;
