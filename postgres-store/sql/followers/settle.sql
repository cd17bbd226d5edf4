-- The events of build $1 at the positions $3 of the sequences $2, side by side, are parked no more.
DELETE FROM {schema}.parked k USING unnest($2::text[], $3::bigint[]) AS w (sequence, position)
WHERE k.build = $1 AND k.sequence = w.sequence AND k.position = w.position
