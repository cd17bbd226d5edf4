-- The columns of table $1 as it serves.
SELECT a.attname::text, format_type(a.atttypid, -1) FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = '{read}'::regnamespace AND c.relname = $1 AND a.attnum > 0 AND NOT a.attisdropped
