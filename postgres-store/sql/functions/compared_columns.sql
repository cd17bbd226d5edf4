-- The columns of the tables of two builds, and whether they are compared: not where the database itself gives the value, as
-- an identity, or by a default that is not a plain constant; and not where the table of one of the builds lacks the column.
CREATE FUNCTION {schema}.compared_columns(_live bigint, _build bigint)
RETURNS TABLE (in_table text, name text, nth smallint, is_compared boolean) STABLE LANGUAGE sql AS $$
    SELECT r.name, a.attname::text, min(a.attnum),
           count(*) = max(r.tables)
           AND bool_and(a.attidentity = '' AND (d.oid IS NULL OR a.attgenerated <> '' OR pg_get_expr(d.adbin, d.adrelid)
               ~ '^(-?[0-9.]+|true|false|NULL|''([^'']|'''')*'')(::[a-z "]+(\([0-9,]+\))?(\[\])?)?$'))
    FROM (SELECT b.id, b.name, count(*) OVER (PARTITION BY b.name) AS tables
          FROM unnest(ARRAY[_live, _build]) u (build) CROSS JOIN LATERAL {schema}.build_relations(u.build) b
          JOIN pg_class c ON c.oid = b.id
          WHERE b.kind = 'table' AND NOT c.relispartition) r
    JOIN pg_attribute a ON a.attrelid = r.id AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    GROUP BY r.name, a.attname
$$;
