-- The failures of build $1, the latest first, at most $2.
SELECT to_json(x)::text FROM {schema}.failures x WHERE x.build = $1 ORDER BY x.last_at DESC, x.position DESC LIMIT $2
