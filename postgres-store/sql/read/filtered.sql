-- Up to $3 events after position $1 and up to position $2 of the categories $4 and the event types $5; null is
-- any. Each kind is read on its own from the index, whose order is by position within one kind.
SELECT e.position, e.version, e.recorded_at, e.kind, e.schema_version, e.id, e.correlation_id, e.causation_id, e.metadata,
       e.payload, e.stream
FROM {schema}.event_kinds k
CROSS JOIN LATERAL (
    SELECT * FROM {schema}.events e
    WHERE e.kind = k.id AND e.position > $1 AND e.position <= $2
    ORDER BY e.position
    LIMIT $3
) AS e
WHERE ($4::text[] IS NULL OR k.category = ANY ($4)) AND ($5::text[] IS NULL OR k.event_type = ANY ($5))
ORDER BY e.position
LIMIT $3
