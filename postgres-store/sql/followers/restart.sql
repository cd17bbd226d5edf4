-- Parts of follower $1 that have stopped can be claimed again, in its builds of version $2.
UPDATE {schema}.parts p SET stopped_at = NULL, stopped_by = NULL
FROM {schema}.builds b WHERE b.follower = $1 AND b.version = $2 AND p.build = b.build AND p.stopped_at IS NOT NULL
