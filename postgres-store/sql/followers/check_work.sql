-- After the work of a step, in transaction $1 if the work has not ended it: whether that is so; and for a build $2 that
-- is not live, as $3 says, which tables it has written to that it did not make. A lock tells of a write.
SELECT pg_current_xact_id_if_assigned() IS NOT DISTINCT FROM $1::text::xid8,
    CASE WHEN $3 THEN '{}' ELSE ARRAY(
        SELECT DISTINCT c.oid::regclass::text
        FROM pg_locks l
        JOIN pg_class c ON c.oid = l.relation
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.mode IN ('RowExclusiveLock', 'AccessExclusiveLock')
          AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
          AND c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND n.nspname <> 'pg_catalog'
          AND c.oid <> '{schema}.parts'::regclass
          AND NOT (n.oid = '{build}'::regnamespace
                   AND EXISTS (SELECT FROM {schema}.build_objects o WHERE o.build = $2 AND o.name = c.relname))
        ORDER BY 1
    ) END
