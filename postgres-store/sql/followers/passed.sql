-- Moves the checkpoint of part $2 of build $1, claimed with fence $3, to $4 unless it is there already. No row: fenced.
UPDATE {schema}.parts p
SET position = greatest(p.position, $4), advanced_at = CASE WHEN p.position < $4 THEN clock_timestamp() ELSE p.advanced_at END
WHERE p.build = $1 AND p.part = $2 AND p.fence = $3
