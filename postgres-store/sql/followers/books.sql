-- Who does what, in one snapshot: the time, the members that are alive, and the followers with their builds and parts.
-- It stands behind `alive` or `beat`.
SELECT c.now,
    (SELECT coalesce(json_agg(json_build_object('id', a.id, 'name', a.name, 'until', a.until, 'report', a.report) ORDER BY a.id), '[]')
     FROM alive a)::text,
    {schema}.follower_books(ARRAY(SELECT a.id FROM alive a))
FROM clock c
