-- The version that the event $1 has in the stream $2; no row if it is not in it.
SELECT e.version FROM {schema}.events e WHERE e.id = $1 AND e.stream = $2
