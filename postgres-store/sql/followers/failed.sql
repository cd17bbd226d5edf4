-- Part $2 of build $1, claimed with fence $3, has failed at position $4: event $5 of sequence $6, in the way $7, because of $8.
-- It is counted, its sequence is not to be tried again, and with $9 the part stops. Answers whether the claim holds.
WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now),
held AS MATERIALIZED (
    SELECT p.build, p.part FROM {schema}.parts p WHERE p.build = $1 AND p.part = $2 AND p.fence = $3 FOR UPDATE
),
noted AS (
    INSERT INTO {schema}.failures AS x (build, position, part, event_id, sequence, kind, reason, first_at, last_at)
    SELECT held.build, $4, held.part, $5, $6, $7, $8, clock.now, clock.now FROM held CROSS JOIN clock
    ON CONFLICT (build, position) DO UPDATE
    SET part = excluded.part, event_id = excluded.event_id, sequence = excluded.sequence, kind = excluded.kind,
        reason = excluded.reason, count = least(x.count + 1, 4294967295), last_at = excluded.last_at
),
calmed AS (
    UPDATE {schema}.parked k SET retry = false FROM held WHERE k.build = held.build AND k.sequence = $6 AND k.retry
),
stopped AS (
    UPDATE {schema}.parts p
    SET stopped_at = clock_timestamp(), stopped_by = $4, owner = NULL, fence = nextval('{schema}.fences')
    FROM held WHERE p.build = held.build AND p.part = held.part AND $9
)
SELECT EXISTS (SELECT FROM held)
