-- Puts a build of follower $1 on the books: version $2, live as $3 says, made as $4 says, to be compared as $5 says, of $6
-- parts, which begin after $7. If the follower is paused, so are they.
WITH build AS (
    INSERT INTO {schema}.builds (follower, version, is_live, is_made, verify, parts, went_live_at)
    VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $3 THEN clock_timestamp() END)
    RETURNING build, follower, is_live
)
INSERT INTO {schema}.parts (build, part, position, is_live, is_paused)
SELECT b.build, n, $7, b.is_live, f.paused_at IS NOT NULL
FROM build b JOIN {schema}.followers f ON f.name = b.follower CROSS JOIN generate_series(0, $6 - 1) AS n
