-- Tells the listeners of channel $1 that there may be new events, signed with $2, by which the sender knows its own. Nothing is lost with it, so nobody waits for a disk.
SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)
