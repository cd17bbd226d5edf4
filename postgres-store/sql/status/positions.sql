-- The position of the last event, and the last position taken, which is never lower.
SELECT coalesce(max(e.position), 0), {last_position} FROM {schema}.events e
