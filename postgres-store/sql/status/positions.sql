-- The position of the last event, and the last position taken, which is never lower; null for who may not look at the sequence.
SELECT coalesce(max(e.position), 0), CASE WHEN {sees_positions} THEN {last_position} END FROM {schema}.events e
