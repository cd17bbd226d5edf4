-- Whether build _build may take the place of the live one of its follower: null if so, else 'gone', 'behind'
-- while it has no tables, or 'parked' with how many events are. That it has caught up is not asked.
CREATE FUNCTION {schema}.may_swap(_build bigint, OUT outcome text, OUT detail json) STABLE LANGUAGE plpgsql AS $$
DECLARE
    _parked bigint;
    _is_made boolean;
    _may_swap_parked boolean;
BEGIN
    SELECT b.is_made, b.may_swap_parked INTO _is_made, _may_swap_parked FROM {schema}.builds b
    WHERE b.build = _build AND NOT b.is_live AND b.verify IS DISTINCT FROM 'report'
      AND NOT EXISTS (SELECT FROM {schema}.parts p WHERE p.build = b.build AND p.stopped_at IS NOT NULL);
    IF NOT FOUND THEN
        outcome := 'gone';
        RETURN;
    END IF;
    IF NOT _is_made THEN
        outcome := 'behind';
    ELSIF NOT _may_swap_parked THEN
        SELECT count(*) INTO _parked FROM {schema}.parked p WHERE p.build = _build;
        IF _parked > 0 THEN
            outcome := 'parked';
            detail := to_json(_parked);
        END IF;
    END IF;
END
$$;
