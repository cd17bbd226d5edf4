-- What is parked in the builds $1 is to be tried again: all of it, or sequence $2 only. Their parts are locked.
UPDATE {schema}.parked k SET retry = true WHERE k.build = ANY ($1) AND NOT k.retry AND ($2::text IS NULL OR k.sequence = $2)
