-- Fails on a standby, and is true elsewhere. Statements that read the global stream, or what a follower goes on from, have it as a
-- condition of their own, which is asked even where there are no rows: on a standby that is behind, the end of what it has looks
-- like the end of all.
CREATE FUNCTION {schema}.refuse_standby() RETURNS boolean STABLE LANGUAGE plpgsql AS $$
BEGIN
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'a standby does not know which appends are open on its primary, and may be behind it'
            USING ERRCODE = 'AN002', HINT = 'Connect to the primary.';
    END IF;
    RETURN true;
END
$$;
