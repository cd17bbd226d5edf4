-- What would stand in the way of a swap of the follower $1: what hangs on its live tables and cannot be carried over.
-- No row: nothing.
SELECT d.kind, d.name, d.hangs_on, d.reason
FROM {schema}.builds b CROSS JOIN LATERAL {schema}.dependents(b.build) d
WHERE b.follower = $1 AND b.is_live AND d.carried IS NULL
ORDER BY d.hangs_on, d.kind, d.name
