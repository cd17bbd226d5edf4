-- Who holds locks on one of _relations at this moment, the oldest transaction of all but the own one, for an operator to
-- read: process, application, role, and since when. Null if nobody does any more.
CREATE FUNCTION {schema}.lock_holder(_relations oid[]) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN x.gid IS NOT NULL THEN format('prepared transaction %L since %s', x.gid, w.since)
                ELSE format('process %s (%s) since %s', l.pid,
                     concat_ws(', ', nullif(coalesce(nullif(a.application_name, ''), a.backend_type), ''), a.usename), w.since)
           END
    FROM pg_locks l
    LEFT JOIN pg_stat_activity a ON a.pid = l.pid
    LEFT JOIN pg_locks t ON l.pid IS NULL AND t.pid IS NULL AND t.locktype = 'transactionid'
         AND t.mode = 'ExclusiveLock' AND t.virtualtransaction = l.virtualtransaction
    LEFT JOIN pg_prepared_xacts x ON x.transaction = t.transactionid
    CROSS JOIN LATERAL (SELECT to_char(coalesce(a.xact_start, x.prepared) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS UTC')) w (since)
    WHERE l.locktype = 'relation' AND l.relation = ANY (_relations) AND l.granted
      AND l.pid IS DISTINCT FROM pg_backend_pid()
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ORDER BY coalesce(a.xact_start, x.prepared) NULLS LAST
    LIMIT 1
$$;
