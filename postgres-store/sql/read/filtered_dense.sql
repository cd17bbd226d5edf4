-- The same as filtered.sql, for where a good part of all events match: looks at one after the other.
SELECT e.position, e.version, e.recorded_at,
       CASE WHEN (SELECT $6 = {schema_id} AND $7 = pg_postmaster_start_time()) THEN e.kind END,
       nullif(e.schema_version, 1), e.id, e.correlation_id, e.causation_id,
       e.metadata, e.payload, e.stream
FROM {schema}.events e
WHERE e.position > $1 AND e.position <= $2
  AND e.kind = ANY (ARRAY(
      SELECT k.id FROM {schema}.event_kinds k
      WHERE ($4::text[] IS NULL OR k.category = ANY ($4)) AND ($5::text[] IS NULL OR k.event_type = ANY ($5))))
ORDER BY e.position
LIMIT $3
