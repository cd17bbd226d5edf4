-- Ends the sessions that hold parts $3 of the builds $2, side by side, for an owner other than $1 whose lease is over, and wait to send
-- what their client does not read. Such a session is ended by no timeout of the server. The row of a part names the transaction that
-- holds it. Answers each session of these, or that this role may not look at, and whether it was ended.
SELECT a.pid, concat_ws(', ', nullif(a.application_name, ''), a.usename),
    CASE WHEN pg_has_role(a.usesysid, 'USAGE') THEN pg_terminate_backend(a.pid) ELSE false END
FROM {schema}.parts p
JOIN unnest($2::bigint[], $3::integer[]) AS w (build, part) ON w.build = p.build AND w.part = p.part
JOIN pg_locks l ON l.locktype = 'transactionid' AND l.transactionid = p.xmax AND l.granted
JOIN pg_stat_activity a ON a.pid = l.pid
WHERE p.owner <> $1 AND NOT EXISTS (SELECT FROM {schema}.members m WHERE m.id = p.owner AND m.until > clock_timestamp())
  AND (a.wait_event = 'ClientWrite' OR NOT pg_has_role(a.usesysid, 'USAGE'))
