-- What this transaction has written to besides what build $1 made: tables and sequences that it holds locked in a mode
-- of writers. No row: nothing. To be asked at the end of a shadow's step, before the commit.
--
-- A lock is held to the end of the transaction, whoever took it: the handler, a trigger, a function it called. Savepoints
-- that were undone have given theirs back, and what was written in them. Of the store's own tables only those of events
-- count: the others are where the step itself writes. Temporary tables are nobody's.
SELECT DISTINCT format('%s.%I', c.relnamespace::regnamespace, c.relname) AS name
FROM pg_locks l
JOIN pg_class c ON c.oid = l.relation
WHERE l.locktype = 'relation' AND l.pid = pg_backend_pid() AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')
  AND c.relkind IN ('r', 'p', 'f', 'm', 'v', 'S') AND c.relpersistence <> 't'
  AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace)
  AND (c.relnamespace <> '{schema}'::regnamespace OR c.relname IN ('events', 'event_kinds', 'positions'))
  AND NOT EXISTS (SELECT FROM {schema}.build_belongings($1) b WHERE b.class = 'pg_class'::regclass AND b.id = c.oid)
ORDER BY name
