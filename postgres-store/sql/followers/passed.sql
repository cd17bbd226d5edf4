-- Moves the checkpoint of part $2 of build $1, claimed with fence $3, to $5, if it is at $4 or between the two: an earlier
-- try whose answer was lost may have moved it. No row: the claim does not hold, or the checkpoint is elsewhere.
UPDATE {schema}.parts p
SET position = $5, advanced_at = CASE WHEN $5 > p.position THEN clock_timestamp() ELSE p.advanced_at END
WHERE p.build = $1 AND p.part = $2 AND p.fence = $3 AND p.position BETWEEN $4 AND $5
