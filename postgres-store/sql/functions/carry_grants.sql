-- Gives build _to what the relations and columns of the same name of build _from have granted, and to the owners of those
-- what they could do as owners. Grants of what _to does not have any more are passed over. The grantor is who calls this.
CREATE FUNCTION {schema}.carry_grants(_from bigint, _to bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _grant record;
BEGIN
    FOR _grant IN
        SELECT CASE o.kind WHEN 'sequence' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, n.id::regclass AS relation,
               a.privilege_type || coalesce(' (' || quote_ident(a.attname) || ')', '') AS privilege,
               CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee,
               CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS how
        FROM {schema}.build_relations(_from) o
        JOIN {schema}.build_relations(_to) n USING (name, kind)
        JOIN pg_class c ON c.oid = o.id
        JOIN pg_class m ON m.oid = n.id
        CROSS JOIN LATERAL (
            SELECT x.grantee, x.privilege_type, x.is_grantable, NULL::name AS attname
            FROM aclexplode(coalesce(c.relacl, acldefault(CASE o.kind WHEN 'sequence' THEN 's' ELSE 'r' END::"char", c.relowner))) x
            UNION ALL
            SELECT x.grantee, x.privilege_type, x.is_grantable, t.attname
            FROM pg_attribute t CROSS JOIN LATERAL aclexplode(t.attacl) x
            WHERE t.attrelid = o.id AND NOT t.attisdropped
              AND EXISTS (SELECT FROM pg_attribute u WHERE u.attrelid = n.id AND u.attname = t.attname AND NOT u.attisdropped)
        ) a
        WHERE a.grantee <> m.relowner
    LOOP
        EXECUTE format('GRANT %s ON %s %s TO %s%s', _grant.privilege, _grant.kind, _grant.relation, _grant.grantee, _grant.how);
    END LOOP;
END
$$;
