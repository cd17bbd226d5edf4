-- Follower $1 goes on, as do the parts of its builds $2.
WITH resumed AS (
    UPDATE {schema}.followers f SET paused_at = NULL WHERE f.name = $1
)
UPDATE {schema}.parts p SET is_paused = false, stopped_at = NULL, stopped_by = NULL WHERE p.build = ANY ($2)
