-- Follower $1 rests, as do the parts of its builds $2, whose owners have lost them. Their locks are held.
WITH paused AS (
    UPDATE {schema}.followers f SET paused_at = coalesce(f.paused_at, clock_timestamp()) WHERE f.name = $1
)
UPDATE {schema}.parts p SET is_paused = true, owner = NULL, fence = nextval('{schema}.fences') WHERE p.build = ANY ($2)
