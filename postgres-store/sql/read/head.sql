-- The position of the last event at or below $1; 0 if there is none.
SELECT coalesce(max(e.position), 0) FROM {schema}.events e WHERE e.position <= $1
