-- Takes build $1 off the books, with its parts, failures and parked events.
DELETE FROM {schema}.builds b WHERE b.build = $1
