-- All that belongs to the relations of build _build and goes with them when they are moved or dropped.
--
-- Answers catalog and id of each, and under which relation it was found. The relations themselves are in it.
CREATE FUNCTION {schema}.build_belongings(_build bigint) RETURNS TABLE (class oid, id oid, belongs_to text)
STABLE LANGUAGE sql AS $$
    WITH RECURSIVE belongings (class, id, belongs_to) AS (
        SELECT 'pg_class'::regclass::oid, r.id, r.name FROM {schema}.build_relations(_build) r
        UNION
        SELECT d.classid, d.objid, b.belongs_to
        FROM belongings b JOIN pg_depend d ON d.refclassid = b.class AND d.refobjid = b.id
        WHERE d.deptype IN ('a', 'i', 'P', 'S')
    )
    SELECT * FROM belongings
$$;
