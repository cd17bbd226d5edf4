-- Who does what, in one snapshot: the time, the members that are alive, and the followers with their builds and parts.
-- It stands behind `alive` or `beat`.
SELECT c.now,
    (SELECT coalesce(json_agg(json_build_object('id', a.id, 'name', a.name, 'until', a.until, 'report', a.report) ORDER BY a.id), '[]')
     FROM alive a)::text,
    (SELECT coalesce(json_agg(json_build_object(
        'name', f.name, 'kind', f.kind, 'declared', f.declared, 'is_paused', f.paused_at IS NOT NULL,
        'last_rebuild', f.last_rebuild, 'builds', (
            SELECT json_agg(json_build_object(
                'id', b.build, 'version', b.version, 'is_live', b.is_live, 'is_made', b.is_made, 'verify', b.verify,
                'may_swap_parked', b.may_swap_parked, 'floors', b.floors, 'started_at', b.started_at,
                'parked', (SELECT count(*) FROM {schema}.parked k WHERE k.build = b.build),
                'to_retry', (SELECT count(*) FROM {schema}.parked k WHERE k.build = b.build AND k.retry),
                'last_failure', (SELECT to_json(x) FROM {schema}.failures x WHERE x.build = b.build
                                 ORDER BY x.last_at DESC, x.position DESC LIMIT 1),
                'parts', (
                    SELECT json_agg(json_build_object(
                        'part', p.part, 'position', p.position, 'events', p.events, 'advanced_at', p.advanced_at,
                        'owner', p.owner, 'owner_is_alive', p.owner IN (SELECT a.id FROM alive a), 'fence', p.fence,
                        'stopped', (SELECT to_json(x) FROM {schema}.failures x
                                    WHERE p.stopped_at IS NOT NULL AND x.build = p.build AND x.position = p.stopped_by)
                    ) ORDER BY p.part)
                    FROM {schema}.parts p WHERE p.build = b.build
                )
            ))
            FROM {schema}.builds b WHERE b.follower = f.name
        )
    ) ORDER BY f.name), '[]') FROM {schema}.followers f)::text
FROM clock c
