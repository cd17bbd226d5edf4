-- Who does what, in one snapshot: the time, the members that are alive, the followers, their builds, and the parts of these.
-- It stands behind `alive` or `beat`.
--
-- Each is a list of its own, and whoever asks puts them together. With one list inside another it would look so dear, on tables
-- that were never analyzed, that the server compiles it at every beat, which takes a hundred times as long as the rest.
SELECT c.now,
    (SELECT coalesce(json_agg(json_build_object('id', a.id, 'name', a.name, 'until', a.until, 'report', a.report) ORDER BY a.id), '[]')
     FROM alive a)::text,
    (SELECT coalesce(json_agg(json_build_object(
        'name', f.name, 'kind', f.kind, 'declared', f.declared, 'is_paused', f.paused_at IS NOT NULL,
        'last_rebuild', f.last_rebuild
    ) ORDER BY f.name), '[]')
     FROM {schema}.followers f)::text,
    (SELECT coalesce(json_agg(json_build_object(
        'id', b.build, 'follower', b.follower, 'version', b.version, 'is_live', b.is_live, 'is_made', b.is_made,
        'verify', b.verify, 'may_swap_parked', b.may_swap_parked, 'floors', b.floors, 'started_at', b.started_at,
        'parked', coalesce(k.events, 0), 'to_retry', coalesce(k.to_retry, 0), 'last_failure', to_json(x)
    )), '[]')
     FROM {schema}.builds b
     LEFT JOIN (SELECT k.build, count(*) AS events, count(*) FILTER (WHERE k.retry) AS to_retry
                FROM {schema}.parked k GROUP BY k.build) k ON k.build = b.build
     LEFT JOIN (SELECT DISTINCT ON (x.build) x.* FROM {schema}.failures x
                ORDER BY x.build, x.last_at DESC, x.position DESC) x ON x.build = b.build)::text,
    (SELECT coalesce(json_agg(json_build_object(
        'build', p.build, 'part', p.part, 'position', p.position, 'events', p.events, 'advanced_at', p.advanced_at,
        'owner', p.owner, 'fence', p.fence, 'stopped', to_json(x)
    ) ORDER BY p.build, p.part), '[]')
     FROM {schema}.parts p LEFT JOIN {schema}.failures x ON x.build = p.build AND x.position = p.stopped_by)::text
FROM clock c
