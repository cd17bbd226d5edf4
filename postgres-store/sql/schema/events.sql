-- All that ever happened, in one global order. The table is only ever added to.
--
-- `stream_key` stands for the name of the stream, so that the index of streams and versions stays small: it is what
-- `stream_key(stream)` gives. Positions come from a sequence without cache, and only the append functions may take them.
-- Payload and metadata are `json`, not `jsonb`: `jsonb` refuses "\u0000" and turns 1e17 into an integer.
CREATE SEQUENCE {schema}.positions AS bigint CACHE 1;

CREATE TABLE {schema}.events (
    position       bigint PRIMARY KEY,
    version        bigint NOT NULL,
    recorded_at    timestamptz NOT NULL,
    kind           integer NOT NULL,
    schema_version integer NOT NULL,
    stream_key     uuid NOT NULL,
    id             uuid NOT NULL,
    correlation_id uuid,
    causation_id   uuid,
    stream         text NOT NULL,
    metadata       json,
    payload        json NOT NULL,
    UNIQUE (stream_key, version),
    UNIQUE (id)
);

CREATE INDEX events_by_kind ON {schema}.events (kind, position);

-- The key of the stream of this name: 6 bytes from the beginning of the entity's id, so that streams that are named in
-- order, or by time, are neighbours in the index; and 10 of the name's SHA-256, so that no two streams share a key. An id that
-- begins with 12 lower-case hexadecimal digits, as a UUID does, gives these: in a UUID of version 7 they are the time to the millisecond.
CREATE FUNCTION {schema}.stream_key(name text) RETURNS uuid IMMUTABLE PARALLEL SAFE LANGUAGE sql AS $$
    SELECT encode(coalesce(
                      decode(replace(substring(name FROM '^[^-]*-([0-9a-f]{8}-?[0-9a-f]{4})'), '-', ''), 'hex'),
                      substring(convert_to(substr(name, strpos(name, '-') + 1, 6), 'UTF8') || '\x000000000000' FOR 6)
                  ) || substring(sha256(convert_to(name, 'UTF8')) FOR 10), 'hex')::uuid
$$;
