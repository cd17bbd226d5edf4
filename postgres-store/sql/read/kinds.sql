-- All kinds of events, and whose their numbers are: the id of the schema, and when the server was started. One row without
-- a kind if there is none.
SELECT {schema_id}, pg_postmaster_start_time(), k.id, k.category, k.event_type
FROM (SELECT) AS one LEFT JOIN {schema}.event_kinds k ON true
