-- Ends the session of process $1 that began at $2, if it is still there: a process number may be given again.
SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a WHERE a.pid = $1 AND a.backend_start = $2::timestamptz
