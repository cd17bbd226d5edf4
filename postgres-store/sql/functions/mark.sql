-- How far the global order is final: `mark` is the position at or below which no event can become visible any more,
-- `last` the last position taken.
--
-- The mark is exact. First the last position is read, then the locks that open appends declared before they took theirs.
-- A position up to `last` belongs to an append that had declared by then; Postgres shows a commit before it releases
-- the locks of its transaction; so that append either still holds the mark down or can already be seen. This is
-- true for whoever reads in a later snapshot than this one, on the same connection, since a server that
-- restarts in between may give positions again that it had not kept.
CREATE FUNCTION {schema}.mark(OUT last bigint, OUT mark bigint) LANGUAGE plpgsql AS $$
BEGIN
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'a standby does not know which appends are open on its primary'
            USING ERRCODE = 'AN002', HINT = 'Read the global stream from the primary.';
    END IF;
    last := {last_position};
    SELECT least(last, min(last + (objid::bigint - last)::bit(32)::integer)) INTO mark
    FROM pg_locks
    WHERE locktype = 'advisory' AND mode = 'ShareLock' AND objsubid = 2
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND classid = ({schema_id})::oid;
END
$$;
