-- Appends to one stream, in as few statements as there can be. `append` says what the parameters and the answer are.
-- The event ids are not looked up: they are new, unless the version is not the expected one, which leads to
-- `append`, or the index of ids fails the whole call, after which the caller goes to `append`.
-- A lock that cannot be had in _patience milliseconds fails the call, too; 0 waits for as long as it takes.
CREATE FUNCTION {schema}.append_one(
    _store integer, _synchronous_commit text, _patience integer, _streams text[], _expected bigint[], _counts integer[],
    _part integer[], _nth integer[], _ids uuid[], _kinds integer[], _schema_versions integer[],
    _correlation_ids uuid[], _causation_ids uuid[], _metadata json[], _payloads json[],
    OUT outcomes smallint[], OUT versions bigint[], OUT positions bigint[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    stream_id bigint;
    after bigint;
    at bigint;
    recorded timestamptz;
    declared text;
BEGIN
    IF _store <> {schema_id} THEN
        RAISE EXCEPTION 'this schema has replaced the one that the numbers of the event kinds are from'
            USING ERRCODE = 'AN001';
    END IF;
    declared := set_config('annals.append', 'on', true);
    IF _synchronous_commit IS NOT NULL THEN
        declared := set_config('synchronous_commit', _synchronous_commit, true);
    END IF;
    declared := set_config('lock_timeout', _patience::text, true);
    IF _expected[1] <> 0 THEN
        UPDATE {schema}.streams s SET version = s.version + _counts[1]
        WHERE s.name = _streams[1] AND (s.version = _expected[1] OR _expected[1] < 0)
        RETURNING id, s.version INTO stream_id, after;
    END IF;
    IF stream_id IS NULL AND _expected[1] IN (0, -2) THEN
        INSERT INTO {schema}.streams (name, version) VALUES (_streams[1], _counts[1])
            ON CONFLICT (name) DO NOTHING RETURNING id, version INTO stream_id, after;
    END IF;
    IF stream_id IS NULL THEN
        SELECT * INTO outcomes, versions, positions FROM {schema}.append(
            _store, NULL, NULL, _streams, _expected, _counts, _part, _nth, _ids, _kinds, _schema_versions, _correlation_ids,
            _causation_ids, _metadata, _payloads);
        RETURN;
    END IF;
    declared := pg_advisory_xact_lock_shared({schema_id}, {last_position}::bit(32)::integer);
    recorded := clock_timestamp();
    IF _counts[1] = 1 THEN
        at := nextval('{schema}.positions');
        INSERT INTO {schema}.events VALUES (
            at, stream_id, after, recorded, _kinds[1], _schema_versions[1], _ids[1], _correlation_ids[1],
            _causation_ids[1], _metadata[1], _payloads[1]);
    ELSE
        INSERT INTO {schema}.events
        SELECT nextval('{schema}.positions'), stream_id, after - _counts[1] + n.nth, recorded, n.kind,
               n.schema_version, n.id, n.correlation_id, n.causation_id, n.metadata, n.payload
        FROM unnest(_nth, _ids, _kinds, _schema_versions, _correlation_ids, _causation_ids, _metadata, _payloads)
            AS n (nth, id, kind, schema_version, correlation_id, causation_id, metadata, payload);
        at := currval('{schema}.positions');
    END IF;
    declared := set_config('annals.append', '', true);
    outcomes := '{0}';
    versions := ARRAY[after];
    positions := ARRAY[at];
END
$$;
