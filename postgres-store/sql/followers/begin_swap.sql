-- Begins the transaction of a swap, whatever role, database or pool are set to. Answers this session, if the server cannot tell it that
-- its client is gone: before version 14.
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SELECT a.pid, a.backend_start::text FROM pg_stat_activity a
WHERE a.pid = pg_backend_pid() AND current_setting('server_version_num')::integer < 140000
