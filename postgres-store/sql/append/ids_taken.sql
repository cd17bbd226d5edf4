-- Which of the event ids $1 are stored already, and where.
SELECT e.id, e.stream, e.version FROM {schema}.events e WHERE e.id = ANY ($1)
