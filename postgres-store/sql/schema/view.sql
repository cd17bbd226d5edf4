-- The events as people read them: with the names that the table of events holds as numbers.
CREATE VIEW {schema}.history AS
SELECT e.position, s.name AS stream, e.version, e.recorded_at, k.category, k.event_type, e.schema_version, e.id,
       e.correlation_id, e.causation_id, e.metadata ->> 'actor' AS actor, e.metadata -> 'extra' AS extra, e.payload
FROM {schema}.events e
JOIN {schema}.streams s ON s.id = e.stream_id
JOIN {schema}.event_kinds k ON k.id = e.kind;
