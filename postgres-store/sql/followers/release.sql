-- Gives back the parts $2 of the builds $1 that have the fences $3, side by side.
WITH held AS MATERIALIZED (
    SELECT q.build, q.part FROM {schema}.parts q
    JOIN unnest($1::bigint[], $2::integer[], $3::bigint[]) AS w (build, part, fence)
      ON w.build = q.build AND w.part = q.part AND w.fence = q.fence
    ORDER BY q.build, q.part
    FOR UPDATE OF q
)
UPDATE {schema}.parts p SET owner = NULL, fence = nextval('{schema}.fences')
FROM held WHERE p.build = held.build AND p.part = held.part
