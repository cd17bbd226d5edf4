-- Up to $3 events of the stream $4, which has the key $1, oldest first: from its snapshot on if it has one of fold version $2
-- that rests on an event which is still there, else from the first. The row of that event has the state as well. One statement, so
-- that a command on an entity that nobody knows reads once. $5 and $6 are whose numbers the reader knows, as in all.sql.
WITH snapshot AS MATERIALIZED (
    SELECT s.version, s.state
    FROM {schema}.snapshots s
    WHERE s.stream_key = $1 AND s.stream = $4 AND s.fold_version = $2
      AND s.event_id = (SELECT e.id FROM {schema}.events e WHERE e.stream_key = s.stream_key AND e.version = s.version)
)
SELECT e.position, e.version, e.recorded_at,
       CASE WHEN (SELECT $5 = {schema_id} AND $6 = pg_postmaster_start_time()) THEN e.kind END,
       nullif(e.schema_version, 1), e.id, e.correlation_id, e.causation_id, e.metadata,
       e.payload, e.stream, (SELECT s.state FROM snapshot s WHERE s.version = e.version) AS state
FROM (SELECT * FROM {schema}.events e
      WHERE e.stream_key = $1 AND e.version >= coalesce((SELECT version FROM snapshot), 0)
      ORDER BY e.version LIMIT $3) AS e
WHERE e.stream = $4
ORDER BY e.version
