-- Claims for member $1 those of the parts $3 of the builds $2, side by side, that can be claimed: not stopped, not paused,
-- and not owned by another member that is alive. It waits for nobody: a part that a step holds is passed over.
-- A member that is younger than this statement may be taken for dead; the fence makes that a change of owner and no more.
WITH free AS MATERIALIZED (
    SELECT q.build, q.part FROM {schema}.parts q
    JOIN unnest($2::bigint[], $3::integer[]) AS w (build, part) ON w.build = q.build AND w.part = q.part
    WHERE q.stopped_at IS NULL AND NOT q.is_paused
      AND (q.owner IS NULL OR q.owner = $1 OR NOT EXISTS (
          SELECT FROM {schema}.members m WHERE m.id = q.owner AND m.until > clock_timestamp()))
    ORDER BY q.build, q.part
    FOR UPDATE OF q SKIP LOCKED
)
UPDATE {schema}.parts p SET owner = $1, fence = nextval('{schema}.fences'), claimed_at = clock_timestamp()
FROM free JOIN {schema}.builds b ON b.build = free.build
WHERE p.build = free.build AND p.part = free.part
RETURNING p.build, p.part, b.parts, p.fence, p.position, p.is_live
