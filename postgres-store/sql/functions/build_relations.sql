-- The tables, views and sequences that build _build made, wherever they are now: in {read} if it is live, else in {build}.
--
-- Answers their ids, names without schema, and kinds: 'table', 'view' or 'sequence'. Sequences that a column owns are
-- left out: they go where their table goes.
CREATE FUNCTION {schema}.build_relations(_build bigint) RETURNS TABLE (id oid, name text, kind text)
STABLE LANGUAGE sql AS $$
    SELECT c.oid, o.name, o.kind
    FROM {schema}.build_objects o
    JOIN {schema}.builds b ON b.build = o.build
    JOIN pg_class c ON c.relname = o.name
         AND c.relnamespace = CASE WHEN b.is_live THEN '{read}'::regnamespace ELSE '{build}'::regnamespace END
    WHERE o.build = _build
      AND NOT (o.kind = 'sequence' AND EXISTS (
          SELECT FROM pg_depend d
          WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
            AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')))
$$;
