-- How far the global order is final: `mark` is the position at or below which no event can become visible any more,
-- `last` the last position taken.
--
-- The mark is exact. First the last position is read, then the locks that open appends declared before they took theirs.
-- A position up to `last` belongs to an append that had declared by then; Postgres shows a commit before it releases
-- the locks of its transaction; so that append either still holds the mark down or can already be seen. This is
-- true for whoever reads in a later snapshot than this one, on the same connection, since a server that
-- restarts in between may give positions again that it had not kept.
--
-- From PostgreSQL 18 on, whoever may not look at the sequence is told nothing of it, as if nobody had ever taken a position.
CREATE FUNCTION {schema}.mark(OUT last bigint, OUT mark bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM {schema}.refuse_standby();
    last := {last_position};
    IF last = 0 AND NOT {sees_positions} THEN
        RAISE EXCEPTION 'permission denied for sequence positions' USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT least(last, min(last + (objid::bigint - last)::bit(32)::integer)) INTO mark
    FROM pg_locks
    WHERE locktype = 'advisory' AND mode = 'ShareLock' AND objsubid = 2
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND classid = ({schema_id})::oid;
END
$$;
