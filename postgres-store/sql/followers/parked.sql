-- The parked events of build $1. A standby that is behind may not have them all, and what comes after one would be handled before it.
SELECT k.sequence, k.position, k.event_id, k.parked_at, k.is_cause, k.retry,
    CASE WHEN k.is_cause THEN (SELECT to_json(x) FROM {schema}.failures x WHERE x.build = k.build AND x.position = k.position) END::text
FROM {schema}.parked k WHERE (SELECT {schema}.refuse_standby()) AND k.build = $1 ORDER BY k.sequence, k.position
