-- All kinds of events, and the id of the schema that their numbers belong to; one row without a kind if there is none.
SELECT {schema_id}, k.id, k.category, k.event_type FROM (SELECT) AS one LEFT JOIN {schema}.event_kinds k ON true
