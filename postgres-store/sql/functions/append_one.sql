-- Appends to one stream, in as few statements as there can be. `append` says what the parameters and the answer are;
-- _keys are the keys of _streams. There is one outcome more: 3, nothing was stored, ask `append`. It comes when somebody
-- else holds the stream, for this function waits for nobody, and when an event id is stored already.
-- The event ids are only looked up where the version is not the expected one; if it is, and an id is stored
-- already, the index of ids fails the whole call.
CREATE FUNCTION {schema}.append_one(
    _store integer, _synchronous_commit text, _keys uuid[], _streams text[], _expected bigint[], _counts integer[],
    _part integer[], _nth integer[], _ids uuid[], _kinds integer[], _schema_versions integer[],
    _correlation_ids uuid[], _causation_ids uuid[], _metadata json[], _payloads json[],
    OUT outcomes smallint[], OUT versions bigint[], OUT positions bigint[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    actual bigint;
    at bigint;
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
    IF NOT pg_try_advisory_xact_lock(uuid_hash_extended(_keys[1], {schema_id})) THEN
        outcomes := '{3}';
        RETURN;
    END IF;
    SELECT e.version INTO actual FROM {schema}.events e WHERE e.stream_key = _keys[1] ORDER BY e.version DESC LIMIT 1;
    actual := coalesce(actual, 0);
    IF NOT (_expected[1] = actual OR _expected[1] = -2 OR _expected[1] = -1 AND actual > 0) THEN
        outcomes := ARRAY[CASE WHEN EXISTS (SELECT FROM {schema}.events e WHERE e.id = ANY (_ids)) THEN 3 ELSE 1 END];
        versions := ARRAY[actual];
        positions := '{0}';
        RETURN;
    END IF;
    done := set_config('annals.append', 'on', true);
    done := pg_advisory_xact_lock_shared({schema_id}, {last_position}::bit(32)::integer);
    recorded := clock_timestamp();
    IF _counts[1] = 1 THEN
        at := nextval('{schema}.positions');
        INSERT INTO {schema}.events VALUES (
            at, actual + 1, recorded, _kinds[1], _schema_versions[1], _keys[1], _ids[1], _correlation_ids[1],
            _causation_ids[1], _streams[1], _metadata[1], _payloads[1]);
    ELSE
        INSERT INTO {schema}.events
        SELECT nextval('{schema}.positions'), actual + n.nth, recorded, n.kind, n.schema_version, _keys[1], n.id,
               n.correlation_id, n.causation_id, _streams[1], n.metadata, n.payload
        FROM unnest(_nth, _ids, _kinds, _schema_versions, _correlation_ids, _causation_ids, _metadata, _payloads)
            AS n (nth, id, kind, schema_version, correlation_id, causation_id, metadata, payload);
        at := currval('{schema}.positions');
    END IF;
    done := set_config('annals.append', '', true);
    outcomes := '{0}';
    versions := ARRAY[actual + _counts[1]];
    positions := ARRAY[at];
END
$$;
