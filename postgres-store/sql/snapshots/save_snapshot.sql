-- Keeps a snapshot of the stream $2, which has the key $1, made by fold version $3 of the events up to version $4 at position
-- $5, with the state $6: if that event is there, and unless there is a newer one of the same fold that counts.
INSERT INTO {schema}.snapshots AS s (stream_key, version, position, fold_version, event_id, stream, state)
SELECT e.stream_key, e.version, e.position, $3, e.id, e.stream, $6::json
FROM {schema}.events e
WHERE e.stream_key = $1 AND e.version = $4 AND e.position = $5 AND e.stream = $2
ON CONFLICT (stream_key) DO UPDATE
SET version = excluded.version, position = excluded.position, taken_at = excluded.taken_at,
    fold_version = excluded.fold_version, event_id = excluded.event_id, stream = excluded.stream, state = excluded.state
WHERE s.fold_version <> excluded.fold_version OR s.version <= excluded.version OR s.stream <> excluded.stream
   OR NOT EXISTS (SELECT FROM {schema}.events e
                  WHERE e.stream_key = s.stream_key AND e.version = s.version AND e.id = s.event_id)
