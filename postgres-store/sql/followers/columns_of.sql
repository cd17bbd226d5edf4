-- The columns of table $2 in schema $1, as it was made, and whether build $3 is live: null if there is no such build, or none is
-- asked for.
SELECT a.attname::text, format_type(a.atttypid, -1), (SELECT b.is_live FROM {schema}.builds b WHERE b.build = $3)
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped
