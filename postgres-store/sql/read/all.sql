-- Up to $3 events after position $1 and up to position $2. Each column of a row costs server and reader alike, so a schema version
-- of 1, which most events have, is null here and in all statements like this one.
SELECT e.position, e.version, e.recorded_at, e.kind, nullif(e.schema_version, 1), e.id, e.correlation_id, e.causation_id,
       e.metadata, e.payload, e.stream
FROM {schema}.events e
WHERE e.position > $1 AND e.position <= $2
ORDER BY e.position
LIMIT $3
