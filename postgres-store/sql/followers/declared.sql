-- Follower $1 is declared at version $2.
UPDATE {schema}.followers f SET declared = $2 WHERE f.name = $1
