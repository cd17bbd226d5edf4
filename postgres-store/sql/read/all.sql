-- Up to $3 events after position $1 and up to position $2. The name of the stream comes from a subquery, so that
-- it is looked up event by event, whatever the planner thinks of the number of streams.
SELECT e.position, e.version, e.recorded_at, e.kind, e.schema_version, e.id, e.correlation_id, e.causation_id, e.metadata,
       e.payload, (SELECT s.name FROM {schema}.streams s WHERE s.id = e.stream_id) AS stream
FROM {schema}.events e
WHERE e.position > $1 AND e.position <= $2
ORDER BY e.position
LIMIT $3
