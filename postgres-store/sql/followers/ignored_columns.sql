-- Columns of the builds $1 and $2 that are not compared, as `table.column`.
SELECT c.in_table || '.' || c.name FROM {schema}.compared_columns($1, $2) c WHERE NOT c.is_compared
ORDER BY c.in_table COLLATE "C", c.nth
