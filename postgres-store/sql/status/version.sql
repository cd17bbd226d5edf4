-- The version of the schema; no row if the schema has no annals in it.
SELECT coalesce(max(version), 0) FROM {schema}.migrations
