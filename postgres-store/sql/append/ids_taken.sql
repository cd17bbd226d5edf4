-- Which of the event ids $1 are stored already, and where.
SELECT e.id, s.name, e.version
FROM {schema}.events e JOIN {schema}.streams s ON s.id = e.stream_id
WHERE e.id = ANY ($1)
