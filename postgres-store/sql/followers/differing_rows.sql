-- Calls the function, for the live build $1 and the shadow $2.
SELECT d.in_table, d.key, d.live, d.live_columns, d.rebuilt, d.rebuilt_columns FROM {schema}.differing_rows($1, $2) d
