-- Who keeps the mark down: each session or prepared transaction with an open append, the lowest first.
SELECT l.pid, a.application_name, a.usename::text AS user_name, coalesce(a.xact_start, x.prepared) AS since,
       x.gid AS prepared, $1::bigint + (l.objid::bigint - $1)::bit(32)::integer AS holds_at
FROM pg_locks l
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
LEFT JOIN pg_locks t ON l.pid IS NULL AND t.pid IS NULL AND t.locktype = 'transactionid' AND t.mode = 'ExclusiveLock'
                    AND t.virtualtransaction = l.virtualtransaction
LEFT JOIN pg_prepared_xacts x ON x.transaction = t.transactionid
WHERE l.locktype = 'advisory' AND l.mode = 'ShareLock' AND l.objsubid = 2
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.classid = ({schema_id})::oid
ORDER BY holds_at, l.pid
