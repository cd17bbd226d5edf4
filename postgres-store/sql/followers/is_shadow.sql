-- Whether build $1 is a shadow.
SELECT EXISTS (SELECT FROM {schema}.builds b WHERE b.build = $1 AND NOT b.is_live)
