-- Up to $3 events of the stream $4, which has the key $1, from version $2 back, newest first; all else as in stream_forwards.sql.
SELECT e.position, e.version, e.recorded_at,
       CASE WHEN (SELECT $5 = {schema_id} AND $6 = pg_postmaster_start_time()) THEN e.kind END,
       nullif(e.schema_version, 1), e.id, e.correlation_id, e.causation_id,
       e.metadata, e.payload, e.stream
FROM (SELECT * FROM {schema}.events e WHERE e.stream_key = $1 AND e.version <= $2 ORDER BY e.version DESC LIMIT $3) AS e
WHERE e.stream = $4
ORDER BY e.version DESC
