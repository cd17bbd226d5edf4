-- What a server must be able to do.
SELECT current_setting('server_version_num')::integer, pg_encoding_to_char(encoding)::text FROM pg_database
WHERE datname = current_database()
