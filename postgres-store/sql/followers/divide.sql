-- Divides build $1 into $2 parts, each after position $3, the first with $4 events; the former ones were at $5. The former parts
-- are gone already.
WITH divided AS (
    UPDATE {schema}.builds b SET parts = $2, floors = $5::bigint[] WHERE b.build = $1 RETURNING b.build, b.follower, b.is_live
)
INSERT INTO {schema}.parts (build, part, position, events, is_live, is_paused)
SELECT d.build, n, $3, CASE WHEN n = 0 THEN $4 ELSE 0 END, d.is_live, f.paused_at IS NOT NULL
FROM divided d JOIN {schema}.followers f ON f.name = d.follower CROSS JOIN generate_series(0, $2 - 1) AS n
