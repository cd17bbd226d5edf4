-- The parameters are those of the function.
SELECT outcomes, versions, positions
FROM {schema}.append_each($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
