-- What hangs on the relations of build _build and would be gone with them, by whomever it was put there.
--
-- Answers kind and name as Postgres says them, without the schema of the relations, and the relation. Left out is what
-- Postgres makes by itself: types, TOAST, the triggers behind foreign keys, the indexes behind constraints, the rules
-- behind views, and constraints NOT NULL, which came to be objects with version 18 only.
-- What it asks the catalog takes longer to plan than to run, so a session plans it once.
CREATE FUNCTION {schema}.build_attached(_build bigint) RETURNS TABLE (kind text, name text, belongs_to text)
STABLE LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT o.type, replace(replace(o.identity, '{read}'::regnamespace || '.', ''), '{build}'::regnamespace || '.', ''), min(b.belongs_to)
    FROM {schema}.build_belongings(_build) b
    CROSS JOIN LATERAL pg_identify_object(b.class, b.id, 0) o
    LEFT JOIN pg_class c ON b.class = 'pg_class'::regclass AND c.oid = b.id
    LEFT JOIN pg_trigger t ON b.class = 'pg_trigger'::regclass AND t.oid = b.id
    LEFT JOIN pg_constraint k ON b.class = 'pg_constraint'::regclass AND k.oid = b.id
    LEFT JOIN pg_rewrite w ON b.class = 'pg_rewrite'::regclass AND w.oid = b.id
    WHERE b.class <> 'pg_type'::regclass
      AND o.schema IS DISTINCT FROM 'pg_toast'
      AND t.tgisinternal IS NOT TRUE
      AND k.contype IS DISTINCT FROM 'n'
      AND w.rulename IS DISTINCT FROM '_RETURN'
      AND NOT EXISTS (SELECT FROM {schema}.build_relations(_build) r WHERE r.id = c.oid)
      AND NOT EXISTS (SELECT FROM pg_constraint u WHERE u.conindid = c.oid AND u.contype IN ('p', 'u', 'x'))
    GROUP BY 1, 2;
END
$$;
