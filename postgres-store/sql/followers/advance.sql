-- The first statement of a step: checks the fence $3 of part $2 of build $1, and moves its checkpoint from $4 to $5,
-- with $6 events handled. No row: the claim does not hold, or the checkpoint is elsewhere. It locks the part, so that
-- everybody takes the part first and tables after. For the rest of the transaction it sets where names are looked up, and
-- the timeouts $7 and $8, and for a read model, whose table is $9, that the commit waits for no disk. Where the checkpoint stays it does
-- wait, whatever the server is set to, for nothing would show that a crash has taken the step back. It answers where the build is, which
-- transaction this is, and whether there are triggers on the table.
UPDATE {schema}.parts p
SET position = $5, events = p.events + $6, advanced_at = CASE WHEN $5 > $4 THEN clock_timestamp() ELSE p.advanced_at END
WHERE p.build = $1 AND p.part = $2 AND p.fence = $3 AND p.position = $4
RETURNING p.is_live, pg_current_xact_id()::text,
    EXISTS (SELECT FROM pg_class c WHERE c.relhastriggers
            AND c.oid = to_regclass(CASE WHEN p.is_live THEN '{read}' ELSE '{build}' END || '.' || quote_ident($9))),
    set_config('search_path', concat_ws(', ', CASE WHEN NOT p.is_live THEN '{build}' END, '{read}',
                                        nullif(current_setting('search_path'), '')), true),
    set_config('statement_timeout', $7, true), set_config('idle_in_transaction_session_timeout', $8, true),
    set_config('synchronous_commit', CASE
        WHEN current_setting('synchronous_commit') = 'remote_apply' THEN 'remote_apply'
        WHEN $5 = $4 THEN coalesce(nullif(current_setting('synchronous_commit'), 'off'), 'local')
        WHEN $9 IS NOT NULL THEN 'off'
        ELSE current_setting('synchronous_commit')
    END, true)
