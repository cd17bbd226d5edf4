-- Puts aside, in build $1, the events $4 at the positions $3 of the sequences $2, which failed themselves if $5 says so, side by
-- side. One that is there already stays as it is; a sequence that is to be tried again is so as a whole.
INSERT INTO {schema}.parked (build, sequence, position, event_id, is_cause, retry)
SELECT $1, w.sequence, w.position, w.event_id, w.is_cause,
    EXISTS (SELECT FROM {schema}.parked k WHERE k.build = $1 AND k.sequence = w.sequence AND k.retry)
FROM unnest($2::text[], $3::bigint[], $4::uuid[], $5::boolean[]) AS w (sequence, position, event_id, is_cause)
ON CONFLICT DO NOTHING
