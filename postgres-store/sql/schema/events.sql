-- All that ever happened, in one global order.
--
-- Positions come from a sequence without cache, and only `append`, `append_one` and `append_each` may take them.
-- Payload and metadata are `json`, not `jsonb`: `jsonb` refuses "\u0000" and turns 1e17 into an integer.
CREATE SEQUENCE {schema}.positions AS bigint CACHE 1;

CREATE TABLE {schema}.events (
    position       bigint PRIMARY KEY,
    stream_id      bigint NOT NULL,
    version        bigint NOT NULL,
    recorded_at    timestamptz NOT NULL,
    kind           integer NOT NULL,
    schema_version integer NOT NULL,
    id             uuid NOT NULL,
    correlation_id uuid,
    causation_id   uuid,
    metadata       json,
    payload        json NOT NULL,
    UNIQUE (stream_id, version),
    UNIQUE (id)
);

CREATE INDEX events_by_kind ON {schema}.events (kind, position);
