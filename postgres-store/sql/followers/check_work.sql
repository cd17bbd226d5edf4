-- After the work of a step, in transaction $1 if the work has not ended it: whether that is so; and for a build $2 that
-- is not live, as $3 says, what it has written to that it did not make.
SELECT pg_current_xact_id_if_assigned() IS NOT DISTINCT FROM $1::text::xid8,
    CASE WHEN $3 THEN '{}' ELSE ARRAY(SELECT s.name FROM {schema}.strangers($2) s) END
