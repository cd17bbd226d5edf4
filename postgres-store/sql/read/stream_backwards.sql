-- Up to $3 events of the stream with the key $1, from version $2 back, newest first.
SELECT e.position, e.version, e.recorded_at, e.kind, e.schema_version, e.id, e.correlation_id, e.causation_id, e.metadata,
       e.payload, e.stream
FROM {schema}.events e
WHERE e.stream_key = $1 AND e.version <= $2
ORDER BY e.version DESC
LIMIT $3
