-- What advance.sql does, for a step that is this one statement together with the rows that it writes: checks the fence $3 of part
-- $2 of build $1, and moves its checkpoint from $4 to $5, with $6 events handled; if the build is live as $7 says. No row:
-- something of that is otherwise, or somebody else has the part. Then the transaction that begins with advance.sql finds out.
-- The statement has its table before it comes to the part, so it waits for nobody who has the part: a swap has it, and
-- waits for the table. For other locks, such as those of rows, it waits for $8 milliseconds.
WITH free AS MATERIALIZED (
    SELECT q.build, q.part, set_config('lock_timeout', $8, true),
        set_config('search_path', concat_ws(', ', CASE WHEN NOT $7 THEN '{build}' END, '{read}',
                                            nullif(current_setting('search_path'), '')), true)
    FROM {schema}.parts q
    WHERE q.build = $1 AND q.part = $2 AND q.fence = $3 AND q.position = $4 AND q.is_live = $7
    FOR NO KEY UPDATE OF q SKIP LOCKED
)
UPDATE {schema}.parts p
SET position = $5, events = p.events + $6, advanced_at = CASE WHEN $5 > $4 THEN clock_timestamp() ELSE p.advanced_at END
FROM free WHERE p.build = free.build AND p.part = free.part
RETURNING p.part
