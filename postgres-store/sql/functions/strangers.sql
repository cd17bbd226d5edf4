-- What this transaction has written to besides what build _build has made: tables and sequences, with their schemas. To be
-- asked at the end of a shadow's step with work, before the commit: what it wrote elsewhere would be there twice.
--
-- It goes by locks: one in a mode of writers is held to the end of the transaction, whoever took it, be it the handler, a
-- trigger or a function. A savepoint that was undone has given its locks back, together with what was written under them.
-- Of the store's own tables only those of events count, since the step itself writes to the others. Temporary tables are
-- nobody's.
CREATE FUNCTION {schema}.strangers(_build bigint) RETURNS TABLE (name text) LANGUAGE sql AS $$
    SELECT DISTINCT format('%s.%I', c.relnamespace::regnamespace, c.relname)
    FROM pg_locks l
    JOIN pg_class c ON c.oid = l.relation
    WHERE l.locktype = 'relation' AND l.pid = pg_backend_pid() AND l.granted
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')
      AND c.relkind IN ('r', 'p', 'f', 'm', 'v', 'S') AND c.relpersistence <> 't'
      AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace)
      AND (c.relnamespace <> '{schema}'::regnamespace OR c.relname IN ('events', 'event_kinds', 'positions'))
      AND NOT EXISTS (SELECT FROM {schema}.build_belongings(_build) b WHERE b.class = 'pg_class'::regclass AND b.id = c.oid)
    ORDER BY 1
$$;
