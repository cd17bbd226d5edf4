-- Lets build _build serve in place of the live build of its follower.
--
--   _patience   for how many milliseconds the live build may be kept from its next step
--   _lock_ms    for how many milliseconds readers may be kept waiting for locks, over all tables together
--
-- Answers `outcome`, and in `detail` as JSON what there is to say about it:
--   swapped    it serves now
--   behind     it did not come to where the live build is in time
--   held       a lock was not to be had in time; who has it
--   parked     events of it are parked, and nobody has said that it may serve all the same; how many
--   refused    these objects stand in the way: kind, name, on, reason
--   gone       it is no shadow any more, a part of it has stopped, or it is only to be compared
-- All but the first have changed nothing. Whoever may call it: what makes it right is checked in it.
--
-- It is one statement, in a transaction of its own: a client that is frozen or killed while it runs holds nobody up, and
-- it happens in whole or not at all. READ COMMITTED: each look must see what was committed before it. What it asks the catalog
-- takes longer to plan than to run, so a session plans it once.
--
-- The order of the steps is what makes it right:
-- 1. hold the follower: no command, and no other swap;
-- 2. lock the tables of both builds against changes of their shape. Neither readers nor steps notice, but an autovacuum
--    gives way to whoever waits longer than `deadlock_timeout`. From here on nothing but views and functions can come to
--    hang on them, so what does can be looked at in peace;
-- 3. hold the live build's parts: a step does nothing without its part, so none is under way, and none begins;
-- 4. let the shadow pass it, by steps of its own, and hold its parts, too;
-- 5. move the shadow's tables to {swap}, where no reader looks, and change the books;
-- 6. lock the old tables against readers, views first, as readers come by them. If it meets readers that take tables in
--    another order, or for long, it gives way, and long before the server would look for a deadlock;
-- 7. give each view its own text again. Written where only {read} is looked through, it has bare names for what is there;
--    read where {swap} is looked through first, they mean the new tables. The id, owner and grants of the view stay;
-- 8. drop the old tables; without CASCADE, so that Postgres refuses whatever was overlooked;
-- 9. move the new ones to {read}. The locks are released after the commit, and the statements that waited look the names
--    up anew: each sees the old tables or the new ones.
CREATE FUNCTION {schema}.swap_build(_build bigint, _patience integer, _lock_ms integer, OUT outcome text, OUT detail json)
LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    _follower text;
    _live bigint;
    _old_names text[]; _old_kinds text[];
    _new_names text[]; _new_kinds text[];
    _relations oid[];                            -- of both, for whoever asks who holds them
    _views oid[];                                -- those that are carried over
    _texts text[];
    _deadline timestamptz;
    _on_timeout text := 'held';
    _waits_for text := 'a command to the follower';
    _each record;
    _refused json; _new_view json; _views_left json;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'a swap is READ COMMITTED, and this transaction is %', upper(current_setting('transaction_isolation'))
            USING ERRCODE = 'AN003';
    END IF;

    -- (1)
    PERFORM {schema}.lock_until(clock_timestamp() + interval '2 s');
    SELECT b.follower INTO _follower FROM {schema}.builds b WHERE b.build = _build;
    PERFORM FROM {schema}.followers f WHERE f.name = _follower FOR UPDATE;
    SELECT m.outcome, m.detail INTO outcome, detail FROM {schema}.may_swap(_build) m;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT b.build INTO STRICT _live FROM {schema}.builds b WHERE b.follower = _follower AND b.is_live;

    -- (2)
    _waits_for := NULL;
    SELECT array_agg(r.name ORDER BY r.name), array_agg(r.kind ORDER BY r.name), array_agg(r.id)
    INTO _old_names, _old_kinds, _relations FROM {schema}.build_relations(_live) r;
    SELECT array_agg(r.name ORDER BY r.name), array_agg(r.kind ORDER BY r.name), _relations || array_agg(r.id)
    INTO _new_names, _new_kinds, _relations FROM {schema}.build_relations(_build) r;
    PERFORM {schema}.lock_until(clock_timestamp() + interval '500 ms' + current_setting('deadlock_timeout')::interval);
    FOR _each IN SELECT c.oid::regclass AS relation FROM pg_class c
                 WHERE c.oid = ANY (_relations) AND c.relkind IN ('r', 'p') ORDER BY c.oid
    LOOP
        EXECUTE format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE', _each.relation);
    END LOOP;
    WITH hanging AS (
        SELECT * FROM {schema}.dependents(_live)
        UNION ALL
        SELECT * FROM {schema}.namesakes(_live, _build)
    )
    SELECT json_agg(json_build_object('kind', h.kind, 'name', h.name, 'on', h.hangs_on, 'reason', h.reason)
                    ORDER BY h.hangs_on, h.kind, h.name) FILTER (WHERE h.carried IS NULL),
           array_agg(h.carried ORDER BY h.carried DESC) FILTER (WHERE h.carried IS NOT NULL)
    INTO detail, _views FROM hanging h;
    IF detail IS NOT NULL THEN
        outcome := 'refused';
        RETURN;
    END IF;

    -- (3)
    SELECT 'a step of the live build' || coalesce(' on ' || string_agg(DISTINCT m.name, ', '), '') INTO _waits_for
    FROM {schema}.parts p JOIN {schema}.members m ON m.id = p.owner WHERE p.build = _live;
    _deadline := clock_timestamp() + _patience * interval '1 ms';
    PERFORM {schema}.lock_until(_deadline);
    PERFORM FROM {schema}.parts p WHERE p.build = _live ORDER BY p.part FOR UPDATE;

    -- (4)
    _on_timeout := 'behind';
    WHILE EXISTS (SELECT FROM {schema}.parts s JOIN {schema}.parts l ON l.build = _live AND l.part = s.part
                  WHERE s.build = _build AND s.position < greatest(l.position,
                      (SELECT max(f) FROM {schema}.builds b CROSS JOIN unnest(b.floors) AS f WHERE b.build = _live)))
    LOOP
        IF clock_timestamp() >= _deadline THEN
            outcome := _on_timeout;
            RETURN;
        END IF;
        PERFORM pg_sleep(0.001);
    END LOOP;
    PERFORM {schema}.lock_until(_deadline);
    PERFORM FROM {schema}.parts p WHERE p.build = _build ORDER BY p.part FOR UPDATE;
    SELECT m.outcome, m.detail INTO outcome, detail FROM {schema}.may_swap(_build) m;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;

    -- (5)
    _on_timeout := 'held';
    _waits_for := NULL;
    PERFORM {schema}.carry_grants(_live, _build);
    PERFORM {schema}.lock_until(_deadline);
    FOR _each IN SELECT n.kind, n.name FROM unnest(_new_kinds, _new_names) n (kind, name) LOOP
        EXECUTE format('ALTER %s {build}.%I SET SCHEMA {swap}', _each.kind, _each.name);
    END LOOP;
    DELETE FROM {schema}.builds b WHERE b.build = _live;
    UPDATE {schema}.builds b SET is_live = true, verify = NULL, may_swap_parked = false, went_live_at = clock_timestamp()
    WHERE b.build = _build;
    UPDATE {schema}.parts p SET is_live = true WHERE p.build = _build;
    UPDATE {schema}.followers f
    SET last_rebuild = json_build_object('build', b.build, 'version', b.version, 'ended_at', clock_timestamp(), 'outcome', 'Swapped')
    FROM {schema}.builds b WHERE f.name = _follower AND b.build = _build;

    -- (6)
    _deadline := clock_timestamp()
        + least(_lock_ms * interval '1 ms', current_setting('deadlock_timeout')::interval / 2);
    FOR _each IN
        SELECT c.oid::regclass AS relation, c.relowner, c.relkind = 'v' AS is_view
        FROM pg_class c WHERE c.oid = ANY (_views)
           OR c.relnamespace = '{read}'::regnamespace AND c.relname = ANY (_old_names) AND c.relkind IN ('v', 'r', 'p')
        ORDER BY is_view DESC, CASE WHEN c.relkind = 'v' THEN c.oid::bigint END DESC, c.relname
    LOOP
        PERFORM {schema}.lock_until(_deadline);
        IF _each.is_view THEN
            -- An owner that it has already: this takes the lock and changes nothing. LOCK TABLE would lock what the view reads.
            EXECUTE format('ALTER VIEW %s OWNER TO %I', _each.relation, pg_get_userbyid(_each.relowner));
        ELSE
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', _each.relation);
        END IF;
    END LOOP;

    -- (7) Temporary tables of this session are looked for last, lest a view comes to mean them.
    PERFORM set_config('search_path', '{read}, pg_temp', true);
    SELECT array_agg(format('CREATE OR REPLACE VIEW %I.%I%s AS %s', s.nspname, c.relname,
                            ' WITH (' || array_to_string(c.reloptions, ', ') || ')', pg_get_viewdef(c.oid)) ORDER BY v.nth)
    INTO _texts
    FROM unnest(_views) WITH ORDINALITY v (id, nth)
    JOIN pg_class c ON c.oid = v.id JOIN pg_namespace s ON s.oid = c.relnamespace;
    PERFORM set_config('search_path', '{swap}, {read}, pg_temp', true);
    FOR _each IN SELECT v.id, v.text FROM unnest(_views, _texts) v (id, text) LOOP
        BEGIN
            EXECUTE _each.text;
        EXCEPTION WHEN syntax_error_or_access_rule_violation OR feature_not_supported THEN
            -- The new tables lack a column, for instance, or have it as another type.
            RAISE EXCEPTION USING ERRCODE = 'AN004', MESSAGE = json_build_array(_each.id, SQLERRM)::text;
        END;
    END LOOP;

    -- (8)
    PERFORM {schema}.lock_until(_deadline);
    FOR _each IN
        SELECT o.kind, string_agg(format('{read}.%I', o.name), ', ') AS names
        FROM unnest(_old_kinds, _old_names) o (kind, name) GROUP BY o.kind ORDER BY o.kind = 'view' DESC, o.kind = 'table' DESC
    LOOP
        EXECUTE format('DROP %s %s', _each.kind, _each.names);
    END LOOP;

    -- (9)
    FOR _each IN SELECT n.kind, n.name FROM unnest(_new_kinds, _new_names) n (kind, name) LOOP
        EXECUTE format('ALTER %s {swap}.%I SET SCHEMA {read}', _each.kind, _each.name);
    END LOOP;
    outcome := 'swapped';
EXCEPTION
    WHEN lock_not_available THEN
        outcome := _on_timeout;
        IF outcome = 'held' THEN
            detail := to_json(coalesce(_waits_for, {schema}.lock_holder(_relations || _views), 'somebody who has let go since'));
        END IF;
    WHEN SQLSTATE 'AN004' THEN
        outcome := 'refused';
        SELECT json_agg(json_build_object('kind', d.kind, 'name', d.name, 'on', d.hangs_on, 'reason', SQLERRM::json ->> 1))
        INTO detail FROM {schema}.dependents(_live) d WHERE d.carried = (SQLERRM::json ->> 0)::oid;
    WHEN dependent_objects_still_exist THEN
        -- A view or a function that was made since (2), or a view whose text names the schema of the old tables.
        SELECT json_agg(h) FILTER (WHERE d.carried IS NULL),
               to_json('the view ' || min(d.name) FILTER (WHERE d.carried <> ALL (coalesce(_views, '{}'))) || ', just made'),
               json_agg(h) FILTER (WHERE d.carried = ANY (_views))
        INTO _refused, _new_view, _views_left FROM {schema}.dependents(_live) d
        CROSS JOIN LATERAL json_build_object('kind', d.kind, 'name', d.name, 'on', d.hangs_on,
            'reason', coalesce(d.reason, 'its text does not come to mean the new tables')) h;
        detail := coalesce(_refused, _new_view, _views_left);
        outcome := CASE WHEN _refused IS NULL AND _new_view IS NOT NULL THEN 'held' ELSE 'refused' END;
END
$$;
