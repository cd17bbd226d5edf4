-- Holds the parts of the live build beside the shadow _build, to the end of the transaction, and waits until each part of the
-- shadow is where the same part of the live build is: for _patience milliseconds in all.
--
-- Answers 'there'; 'behind' if it is not in time, or is further; 'gone' if it is no shadow. To be called in a transaction that
-- is READ COMMITTED. The shadow's own parts are not held: whether both are still at one place, whoever compares reads from the
-- snapshot in which they compare.
CREATE FUNCTION {schema}.hold_for_comparison(_build bigint, _patience integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    _deadline CONSTANT timestamptz := clock_timestamp() + _patience * interval '1 ms';
    _live bigint;
    _is_behind boolean;
    _is_ahead boolean;
BEGIN
    SELECT l.build INTO _live FROM {schema}.builds b JOIN {schema}.builds l ON l.follower = b.follower AND l.is_live
    WHERE b.build = _build AND NOT b.is_live;
    IF NOT FOUND THEN
        RETURN 'gone';
    END IF;
    PERFORM {schema}.lock_until(_deadline);
    PERFORM FROM {schema}.parts p WHERE p.build = _live ORDER BY p.part FOR UPDATE;
    LOOP
        SELECT NOT b.is_made OR bool_or(s.position < l.position)
               OR min(l.position) < (SELECT coalesce(max(f), 0) FROM {schema}.builds d CROSS JOIN LATERAL unnest(d.floors) f
                                     WHERE d.build = _live),
               bool_or(s.position > l.position)
        INTO _is_behind, _is_ahead
        FROM {schema}.builds b
        JOIN {schema}.parts s ON s.build = b.build JOIN {schema}.parts l ON l.build = _live AND l.part = s.part
        WHERE b.build = _build AND NOT b.is_live
        GROUP BY b.build;
        IF NOT FOUND THEN
            RETURN 'gone';
        ELSIF _is_ahead THEN
            RETURN 'behind';
        ELSIF NOT _is_behind THEN
            RETURN 'there';
        ELSIF clock_timestamp() >= _deadline THEN
            RETURN 'behind';
        END IF;
        PERFORM pg_sleep(0.001);
    END LOOP;
EXCEPTION WHEN lock_not_available THEN
    RETURN 'behind';
END
$$;
