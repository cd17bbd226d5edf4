-- Locks follower $1: commands take turns.
SELECT f.kind, f.declared FROM {schema}.followers f WHERE f.name = $1 FOR UPDATE
