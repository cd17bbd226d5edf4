-- Locks the parts of the builds $1, and so waits for the steps that hold them.
SELECT p.part, p.position, p.events, p.stopped_at IS NOT NULL
FROM {schema}.parts p WHERE p.build = ANY ($1) ORDER BY p.build, p.part FOR UPDATE
