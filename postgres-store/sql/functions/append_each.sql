-- Many appends of one stream each in one statement, each with an answer of its own: one that does not meet its
-- expected version is left out, and the others are stored. No stream may appear twice. `append` says what the
-- parameters and the answers are; there is one outcome more: 3, nothing was stored, ask `append`.
-- The event ids are looked up only where a version is not the expected one; if one of the others is stored already,
-- the index of ids fails the whole call. A lock that cannot be had in _patience milliseconds fails it, too.
CREATE FUNCTION {schema}.append_each(
    _store integer, _synchronous_commit text, _patience integer, _streams text[], _expected bigint[], _counts integer[],
    _part integer[], _nth integer[], _ids uuid[], _kinds integer[], _schema_versions integer[],
    _correlation_ids uuid[], _causation_ids uuid[], _metadata json[], _payloads json[],
    OUT outcomes smallint[], OUT versions bigint[], OUT positions bigint[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    stream_ids bigint[];
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

    WITH parts AS (
        SELECT * FROM unnest(_streams, _expected, _counts) WITH ORDINALITY AS p (name, expected, count, part)
    ), raised AS (
        UPDATE {schema}.streams s SET version = s.version + p.count
        FROM parts p
        WHERE p.expected <> 0 AND s.name = p.name AND (s.version = p.expected OR p.expected < 0)
        RETURNING p.name, s.id, s.version
    ), created AS (
        INSERT INTO {schema}.streams (name, version)
        SELECT p.name, p.count FROM parts p WHERE p.expected IN (0, -2) ORDER BY p.part
        ON CONFLICT (name) DO NOTHING
        RETURNING name, id, version
    ), met AS (
        SELECT * FROM raised UNION ALL SELECT * FROM created
    )
    SELECT array_agg(coalesce(m.id, 0) ORDER BY p.part), array_agg(coalesce(m.version, 0) ORDER BY p.part)
    INTO stream_ids, versions
    FROM parts p LEFT JOIN met m ON m.name = p.name;

    declared := pg_advisory_xact_lock_shared({schema_id}, {last_position}::bit(32)::integer);
    recorded := clock_timestamp();
    WITH stored AS (
        INSERT INTO {schema}.events
        SELECT nextval('{schema}.positions'), stream_ids[n.part], versions[n.part] - _counts[n.part] + n.nth, recorded,
               n.kind, n.schema_version, n.id, n.correlation_id, n.causation_id, n.metadata, n.payload
        FROM unnest(_part, _nth, _ids, _kinds, _schema_versions, _correlation_ids, _causation_ids, _metadata, _payloads)
            AS n (part, nth, id, kind, schema_version, correlation_id, causation_id, metadata, payload)
        WHERE stream_ids[n.part] <> 0
        RETURNING stream_id, position
    )
    SELECT array_agg(coalesce(last.position, 0) ORDER BY s.part) INTO positions
    FROM unnest(stream_ids) WITH ORDINALITY AS s (id, part)
    LEFT JOIN (SELECT stream_id, max(position) AS position FROM stored GROUP BY stream_id) AS last ON last.stream_id = s.id;
    declared := set_config('annals.append', '', true);

    outcomes := array_fill(0::smallint, ARRAY[cardinality(_streams)]);
    IF 0 = ANY (stream_ids) THEN
        SELECT array_agg(CASE
                   WHEN stream_ids[p.part] <> 0 THEN 0
                   WHEN p.expected = coalesce(s.version, 0) OR p.expected = -1 AND s.version > 0 OR p.expected = -2 OR known.ids
                       THEN 3
                   ELSE 1
               END::smallint ORDER BY p.part),
               array_agg(CASE WHEN stream_ids[p.part] <> 0 THEN versions[p.part] ELSE coalesce(s.version, 0) END ORDER BY p.part)
        INTO outcomes, versions
        FROM unnest(_streams, _expected) WITH ORDINALITY AS p (name, expected, part)
        LEFT JOIN {schema}.streams s ON s.name = p.name
        CROSS JOIN LATERAL (
            SELECT EXISTS (
                SELECT FROM unnest(_part, _ids) AS n (part, id) JOIN {schema}.events e ON e.id = n.id WHERE n.part = p.part
            ) AS ids
        ) AS known;
    END IF;
END
$$;
