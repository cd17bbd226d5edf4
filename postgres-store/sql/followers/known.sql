-- Puts follower $1 of kind $2, declared at version $3, on the books unless it is there.
INSERT INTO {schema}.followers (name, kind, declared) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING
