-- Build $1 may serve although events of it are parked.
UPDATE {schema}.builds b SET may_swap_parked = true WHERE b.build = $1
