-- Up to $3 events after position $1 and up to position $2 of the categories $4 and the event types $5; null is
-- any. $6 and $7 are whose numbers the reader knows, as in all.sql. Each kind is read on its own from the index by kind and
-- position. That it is one kind is said by where the rows begin and end: if it were said by an equation, the planner would
-- often rather go through all events in the order of positions, and look for a rare kind among them.
SELECT e.position, e.version, e.recorded_at,
       CASE WHEN (SELECT $6 = {schema_id} AND $7 = pg_postmaster_start_time()) THEN e.kind END,
       nullif(e.schema_version, 1), e.id, e.correlation_id, e.causation_id,
       e.metadata, e.payload, e.stream
FROM {schema}.event_kinds k
CROSS JOIN LATERAL (
    SELECT * FROM {schema}.events e
    WHERE (e.kind, e.position) > (k.id, $1) AND (e.kind, e.position) <= (k.id, $2)
    ORDER BY e.kind, e.position
    LIMIT $3
) AS e
WHERE (SELECT {schema}.refuse_standby())
  AND ($4::text[] IS NULL OR k.category = ANY ($4)) 
  AND ($5::text[] IS NULL OR k.event_type = ANY ($5))
ORDER BY e.position
LIMIT $3
