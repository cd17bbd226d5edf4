-- The last snapshot of each stream. It says nothing that is not in the events, so every row may be deleted at any time.
--
-- A snapshot rests on the event of its version, and `event_id` says which one that was when it was taken. It is not a foreign
-- key: that would lock the event's row, and so write to a table that is only ever added to. Whoever reads compares.
CREATE TABLE {schema}.snapshots (
    stream_key   uuid PRIMARY KEY,
    version      bigint NOT NULL,
    position     bigint NOT NULL,
    taken_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    fold_version bigint NOT NULL CHECK (fold_version BETWEEN 0 AND 4294967295),
    event_id     uuid NOT NULL,
    stream       text NOT NULL,
    state        json NOT NULL
);
