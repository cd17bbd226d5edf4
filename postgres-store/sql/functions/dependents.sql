-- What hangs on the relations of build _build from outside, and what was put on them by hand.
--
-- Answers what each is, its name with its schema, the relation it hangs on, and why it cannot be carried over if that is
-- not plain from what it is. `carried` is the id of a view that a swap carries over, and null for all that stands in its way.
--
-- A swap carries a view over by CREATE OR REPLACE, which keeps its id, owner and grants, so that whatever hangs on the
-- view need not be known here. It takes the rights of its owner, and the right to create in its schema.
-- What it asks the catalog takes longer to plan than to run, so a session plans it once.
CREATE FUNCTION {schema}.dependents(_build bigint)
RETURNS TABLE (kind text, name text, hangs_on text, reason text, carried oid)
STABLE LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH own AS MATERIALIZED (SELECT * FROM {schema}.build_belongings(_build)),
    outside AS MATERIALIZED (
        SELECT d.classid AS class, d.objid AS id, min(o.belongs_to) AS hangs_on
        FROM own o JOIN pg_depend d ON d.refclassid = o.class AND d.refobjid = o.id
        WHERE d.deptype = 'n'
          AND NOT EXISTS (SELECT FROM own WHERE own.class = d.classid AND own.id = d.objid)
        GROUP BY 1, 2
    ),
    views AS MATERIALIZED (
        SELECT c.oid AS id, c.relnamespace, c.relkind, min(o.hangs_on) AS hangs_on,
               CASE WHEN c.relkind <> 'v' THEN NULL
                    WHEN c.relpersistence = 't' THEN 'it is temporary'
                    WHEN NOT pg_has_role(c.relowner, 'USAGE') THEN format('it belongs to %I', pg_get_userbyid(c.relowner))
                    WHEN NOT has_schema_privilege(c.relnamespace, 'CREATE')
                        THEN format('%I may not create in schema %s', current_user, c.relnamespace::regnamespace)
               END AS reason
        FROM outside o
        JOIN pg_rewrite w ON o.class = 'pg_rewrite'::regclass AND w.oid = o.id AND w.rulename = '_RETURN'
        JOIN pg_class c ON c.oid = w.ev_class
        GROUP BY c.oid, c.relnamespace, c.relkind, c.relpersistence, c.relowner
    )
    SELECT i.type, i.identity, v.hangs_on, v.reason, CASE WHEN v.relkind = 'v' AND v.reason IS NULL THEN v.id END
    FROM views v CROSS JOIN LATERAL pg_identify_object('pg_class'::regclass, v.id, 0) i
    UNION ALL
    SELECT CASE k.contype WHEN 'f' THEN 'foreign key' ELSE i.type END, i.identity, o.hangs_on, NULL, NULL
    FROM outside o
    CROSS JOIN LATERAL pg_identify_object(o.class, o.id, 0) i
    LEFT JOIN pg_constraint k ON o.class = 'pg_constraint'::regclass AND k.oid = o.id
    WHERE NOT EXISTS (SELECT FROM pg_rewrite w WHERE o.class = 'pg_rewrite'::regclass AND w.oid = o.id AND w.rulename = '_RETURN')
    UNION ALL
    SELECT a.kind, a.name, a.belongs_to, 'it was not made by the follower', NULL
    FROM {schema}.build_attached(_build) a
    WHERE NOT EXISTS (SELECT FROM {schema}.build_attachments k
                      WHERE k.build = _build AND k.kind = a.kind AND k.identity = a.name);
END
$$;
