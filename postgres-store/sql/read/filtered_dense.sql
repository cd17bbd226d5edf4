-- The same as filtered.sql, for where a good part of all events match: looks at one after the other. The planner is kept from
-- knowing the parameters as in all.sql.
SELECT * FROM (
    SELECT e.position, e.version, e.recorded_at,
           CASE WHEN (SELECT $6 = {schema_id} AND $7 = pg_postmaster_start_time()) THEN e.kind END,
           nullif(e.schema_version, 1), e.id, e.correlation_id, e.causation_id,
           e.metadata, e.payload, e.stream
    FROM {schema}.events e
    WHERE (SELECT {schema}.refuse_standby()) AND e.position > (SELECT $1::bigint) AND e.position <= (SELECT $2::bigint)
      AND e.kind = ANY (ARRAY(
          SELECT k.id FROM {schema}.event_kinds k
          CROSS JOIN (SELECT $4::text[] AS categories, $5::text[] AS event_types OFFSET 0) AS any_of
          WHERE (any_of.categories IS NULL OR k.category = ANY (any_of.categories))
            AND (any_of.event_types IS NULL OR k.event_type = ANY (any_of.event_types))))
    ORDER BY e.position
    LIMIT {page}
) AS page ORDER BY 1 LIMIT (SELECT $3::bigint)
