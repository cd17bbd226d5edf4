-- The laws that the database holds itself, against everyone, the owner of the tables included: events are never
-- changed or removed, and everything that appends goes through the append functions, which say that it is they. The guards
-- of what has happened fire even where triggers do not, as in the sessions of a replica, which writes what it is told; the
-- guards of new rows do not.
CREATE FUNCTION {schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'What has happened cannot be changed; append an event that corrects it.';
END
$$;

CREATE FUNCTION {schema}.refuse_unless_appending() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('annals.append', true) IS DISTINCT FROM 'on' THEN
        RAISE EXCEPTION 'INSERT on %.% is refused', TG_TABLE_SCHEMA, TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Events are appended by the function append of this schema.';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER events_are_appended BEFORE INSERT ON {schema}.events
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.refuse_unless_appending();
CREATE TRIGGER events_are_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON {schema}.events
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.refuse();
ALTER TABLE {schema}.events ENABLE ALWAYS TRIGGER events_are_immutable;

CREATE TRIGGER kinds_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON {schema}.event_kinds
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.refuse();
ALTER TABLE {schema}.event_kinds ENABLE ALWAYS TRIGGER kinds_stay;
