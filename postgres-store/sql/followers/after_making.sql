-- What there is where builds are made beside the relations $1, the types $2 and the functions $3; and, as refused, what else
-- was written to or made. For build $4: whether a name is taken by another follower's, where it would serve. Indexes,
-- owned sequences, row types and array types go with their tables.
SELECT CASE WHEN c.relkind IN ('r', 'p') THEN 'table' WHEN c.relkind = 'v' THEN 'view' WHEN c.relkind = 'S' THEN 'sequence'
            WHEN c.relkind = 'm' THEN 'materialized view' WHEN c.relkind = 'f' THEN 'foreign table' ELSE 'type' END AS kind,
    c.relname::text AS name, quote_ident(c.relname) AS quoted,
    CASE WHEN c.relkind NOT IN ('r', 'p', 'v', 'S') THEN 'moved'
         WHEN EXISTS (SELECT FROM pg_class r WHERE r.relnamespace = '{read}'::regnamespace AND r.relname = c.relname
                      AND NOT EXISTS (SELECT FROM {schema}.build_objects o
                                      JOIN {schema}.builds live ON live.build = o.build AND live.is_live
                                      JOIN {schema}.builds mine ON mine.build = $4 AND mine.follower = live.follower
                                      WHERE o.name = c.relname))
         THEN 'taken' END AS refused
FROM pg_class c
WHERE c.relnamespace = '{build}'::regnamespace AND c.oid <> ALL ($1) AND c.relkind NOT IN ('i', 'I', 't')
  AND NOT (c.relkind = 'S' AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                                       AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))
UNION ALL
SELECT 'type', t.typname::text, quote_ident(t.typname), 'moved'
FROM pg_type t
WHERE t.typnamespace = '{build}'::regnamespace AND t.oid <> ALL ($2) AND t.typrelid = 0
  AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
UNION ALL
SELECT 'function', f.proname::text, quote_ident(f.proname), 'moved'
FROM pg_proc f WHERE f.pronamespace = '{build}'::regnamespace AND f.oid <> ALL ($3)
UNION ALL
SELECT DISTINCT 'table', format('%I.%I', n.nspname, c.relname), quote_ident(c.relname), 'elsewhere'
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.mode IN ('RowExclusiveLock', 'AccessExclusiveLock')
  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
  AND c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND n.nspname <> 'pg_catalog' AND n.oid <> '{build}'::regnamespace
ORDER BY 4 NULLS LAST, 1, 2
