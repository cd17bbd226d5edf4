-- The rows in which build _build may differ from the live build _live of the same follower, by table and key. To be read in a
-- snapshot in which both are at one position.
--
-- Answers for a row of a read model its key, and its state and declared columns on either side, null where there is no such
-- row. States are compared as text here: whoever reads this compares them as JSON, since `jsonb` would refuse what `json`
-- holds, and the order in a HashMap is no difference. For a projection each row that is on one side only, or more often, is
-- answered as the text of its compared columns.
CREATE FUNCTION {schema}.differing_rows(_live bigint, _build bigint)
RETURNS TABLE (in_table text, key text, live text, live_columns text, rebuilt text, rebuilt_columns text)
LANGUAGE plpgsql AS $$
DECLARE
    _is_read_model boolean;
    _each record;
BEGIN
    SELECT f.kind = 'read model' INTO _is_read_model
    FROM {schema}.builds b JOIN {schema}.followers f ON f.name = b.follower WHERE b.build = _build;
    FOR _each IN
        SELECT c.in_table,
            string_agg(format('l.%I', c.name), ', ' ORDER BY c.nth) FILTER (WHERE c.is_compared AND c.name NOT IN ('key', 'state')) AS live,
            string_agg(format('r.%I', c.name), ', ' ORDER BY c.nth) FILTER (WHERE c.is_compared AND c.name NOT IN ('key', 'state')) AS rebuilt,
            string_agg(quote_ident(c.name), ', ' ORDER BY c.nth) FILTER (WHERE c.is_compared) AS either,
            (SELECT r.id::regclass FROM {schema}.build_relations(_live) r WHERE r.name = c.in_table) AS live_table,
            (SELECT r.id::regclass FROM {schema}.build_relations(_build) r WHERE r.name = c.in_table) AS rebuilt_table
        FROM {schema}.compared_columns(_live, _build) c
        GROUP BY c.in_table ORDER BY c.in_table COLLATE "C"
    LOOP
        IF _is_read_model THEN
            RETURN QUERY EXECUTE format(
                'SELECT %1$L, coalesce(l.key, r.key), l.state::text, CASE WHEN l.key IS NOT NULL THEN %2$s END,
                        r.state::text, CASE WHEN r.key IS NOT NULL THEN %3$s END
                 FROM %4$s l FULL JOIN %5$s r ON r.key = l.key
                 WHERE l.key IS NULL OR r.key IS NULL OR l.state::text <> r.state::text OR %2$s IS DISTINCT FROM %3$s
                 ORDER BY 2',
                _each.in_table, coalesce('ROW(' || _each.live || ')::text', 'NULL::text'),
                coalesce('ROW(' || _each.rebuilt || ')::text', 'NULL::text'), _each.live_table, _each.rebuilt_table);
        ELSE
            RETURN QUERY EXECUTE format(
                'WITH l (a) AS MATERIALIZED (%2$s), r (a) AS MATERIALIZED (%3$s)
                 SELECT %1$L, NULL, x.live, NULL, x.rebuilt, NULL
                 FROM (SELECT a AS live, NULL AS rebuilt FROM (SELECT a FROM l EXCEPT ALL SELECT a FROM r) only_live
                       UNION ALL
                       SELECT NULL, a FROM (SELECT a FROM r EXCEPT ALL SELECT a FROM l) only_rebuilt) x
                 ORDER BY coalesce(x.live, x.rebuilt) COLLATE "C", x.live IS NULL',
                _each.in_table,
                coalesce('SELECT ROW(' || _each.either || ')::text FROM ' || _each.live_table, 'SELECT NULL::text WHERE false'),
                coalesce('SELECT ROW(' || _each.either || ')::text FROM ' || _each.rebuilt_table, 'SELECT NULL::text WHERE false'));
        END IF;
    END LOOP;
END
$$;
