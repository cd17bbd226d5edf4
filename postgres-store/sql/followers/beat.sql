-- The beginning of the books with the sign of life of member $1, named $2, alive for $3 microseconds, with the report $4;
-- with 0 microseconds it leaves. An insert cannot be seen by the statement that does it, so what is alive is put together.
-- Those that died long ago are forgotten.
WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now),
beat AS (
    INSERT INTO {schema}.members AS m (id, name, until, report)
    SELECT $1, $2, c.now + $3 * interval '1 microsecond', $4::json FROM clock c WHERE $3 > 0
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, until = excluded.until, report = excluded.report
    RETURNING m.id, m.name, m.until, m.report
),
gone AS (
    DELETE FROM {schema}.members m
    WHERE m.id IN (
        SELECT d.id FROM {schema}.members d CROSS JOIN clock c
        WHERE d.id = $1 AND $3 = 0 OR d.id <> $1 AND d.until < c.now - interval '1 hour'
        FOR UPDATE OF d SKIP LOCKED
    )
),
alive AS MATERIALIZED (
    SELECT b.id, b.name, b.until, b.report FROM beat b
    UNION ALL
    SELECT m.id, m.name, m.until, m.report FROM {schema}.members m CROSS JOIN clock c WHERE m.until > c.now AND m.id <> $1
)
