-- Up to $3 events of the stream $1, from version $2 back, newest first.
SELECT e.position, e.version, e.recorded_at, e.kind, e.schema_version, e.id, e.correlation_id, e.causation_id, e.metadata,
       e.payload
FROM {schema}.events e
WHERE e.stream_id = (SELECT s.id FROM {schema}.streams s WHERE s.name = $1) AND e.version <= $2
ORDER BY e.version DESC
LIMIT $3
