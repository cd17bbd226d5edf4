-- The events as people read them. One stream is found quickly by its key:
-- WHERE stream_key = {schema}.stream_key('account-anna').
CREATE VIEW {schema}.history AS
SELECT e.position, e.stream, e.version, e.recorded_at, k.category, k.event_type, e.schema_version, e.id,
       e.correlation_id, e.causation_id, e.metadata ->> 'actor' AS actor, e.metadata -> 'extra' AS extra, e.payload,
       e.stream_key
FROM {schema}.events e
JOIN {schema}.event_kinds k ON k.id = e.kind;
