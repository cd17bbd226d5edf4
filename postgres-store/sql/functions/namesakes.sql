-- What in {read} has the name of something that the shadow _build has made, and is not the live build's, whose place it
-- takes: tables, indexes, sequences and so on have their names in common. In the form of `dependents`.
CREATE FUNCTION {schema}.namesakes(_live bigint, _build bigint)
RETURNS TABLE (kind text, name text, hangs_on text, reason text, carried oid)
STABLE LANGUAGE sql AS $$
    SELECT i.type, i.identity, min(b.belongs_to), 'it has a name that the new build has, too', NULL::oid
    FROM {schema}.build_belongings(_build) b
    JOIN pg_class c ON b.class = 'pg_class'::regclass AND c.oid = b.id
    JOIN pg_class n ON n.relname = c.relname AND n.relnamespace = '{read}'::regnamespace
    CROSS JOIN LATERAL pg_identify_object('pg_class'::regclass, n.oid, 0) i
    WHERE c.relnamespace = '{build}'::regnamespace
      AND NOT EXISTS (SELECT FROM {schema}.build_belongings(_live) l WHERE l.class = 'pg_class'::regclass AND l.id = n.oid)
    GROUP BY i.type, i.identity
$$;
