-- What advance.sql does, for a step that is one statement with the rows it writes: $1 to $6 are the same, and the build is live as $7
-- says. No row: it is not to be, or somebody else has the part; a transaction finds out. The table is locked before the part is looked
-- at, so whoever has the part is not waited for: a swap has it, and waits for the table. $8: milliseconds for each lock of a row.
WITH free AS MATERIALIZED (
    SELECT q.build, q.part, set_config('lock_timeout', $8, true),
        set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'off' END, true),
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
