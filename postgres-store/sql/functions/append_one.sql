-- Appends one event to one stream. `append` says what the parameters are; _key is the key of _stream, and _unchanged_since a
-- position at which the stream was at version _expected, null if there is none that the caller knows.
--
-- Answers {outcome, version, position}, as one value, which costs less than a row: where the stream is after the append, or
-- where it is if that is not as expected. There are two outcomes more: 3, nothing was stored, ask `append`; and 4, stored, but not
-- yet on the disk. Nothing is stored when somebody else holds the stream, for this function waits for nobody, when the event id is
-- stored already, when the number of the kind is of another schema or server, and when the transaction is not READ COMMITTED.
-- The event id is only looked up where the version is not the expected one; if it is, and the id is stored already, the
-- index of ids fails the whole call.
--
-- While no position was taken since, nobody has appended, and the version is not read: whoever is about to append to the stream
-- needs its lock, and has taken a position before letting go of it.
--
-- Otherwise it is read by a statement of its own, so that what is inserted are plain VALUES: a subquery costs
-- more to set up than the second statement does. Unlike the others, the function sets no `plan_cache_mode`: with single values
-- Postgres keeps its general plans by itself. For the settings that there are, see `append` and the guard of events. They hold until
-- the transaction ends, which is with this call: a SET of the function, which takes one back before, costs more than the lock does.
CREATE FUNCTION {schema}.append_one(
    _store integer, _server timestamptz, _synchronous_commit text, _unchanged_since bigint, _key uuid, _stream text,
    _expected bigint, _id uuid, _kind integer, _schema_version integer, _correlation_id uuid, _causation_id uuid,
    _metadata json, _payload json
) RETURNS bigint[] LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    at_version bigint;
    at_position bigint;
    last_taken bigint;
    done text;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed'
        OR _store <> {schema_id} OR _server <> pg_postmaster_start_time()
        OR NOT pg_try_advisory_xact_lock(uuid_hash_extended(_key, {schema_id}))
    THEN
        RETURN '{3,0,0}';
    END IF;
    IF _synchronous_commit IS NOT NULL THEN
        done := set_config('synchronous_commit', _synchronous_commit, true);
    END IF;
    last_taken := {last_position};
    IF last_taken = _unchanged_since THEN
        at_version := _expected;
    ELSE
        done := set_config('enable_seqscan', 'off', true);
        SELECT {version_of} INTO at_version FROM (SELECT _key AS key, _stream AS name) AS k;
        IF NOT (at_version = _expected OR _expected = -2 OR _expected = -1 AND at_version > 0) THEN
            RETURN ARRAY[CASE WHEN EXISTS (SELECT FROM {schema}.events e WHERE e.id = _id) THEN 3 ELSE 1 END, at_version, 0];
        END IF;
    END IF;
    done := set_config('annals.append', 'on', true);
    done := pg_advisory_xact_lock_shared({schema_id}, last_taken::bit(32)::integer);
    at_version := at_version + 1;
    INSERT INTO {schema}.events
    VALUES (nextval('{schema}.positions'), at_version, clock_timestamp(), _kind, _schema_version, _key, _id, _correlation_id,
            _causation_id, _stream, _metadata, _payload)
    RETURNING position INTO at_position;
    RETURN ARRAY[CASE current_setting('synchronous_commit') WHEN 'off' THEN 4 ELSE 0 END, at_version, at_position];
END
$$;
