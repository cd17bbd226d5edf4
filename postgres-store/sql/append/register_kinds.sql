-- Numbers the kinds of events that have the categories $1 and the event types $2, side by side. The numbers are kept
-- by the processes that know them, so they are on the disk before anyone does, even where appends do not wait for it.
INSERT INTO {schema}.event_kinds (category, event_type)
SELECT k.category, k.event_type FROM unnest($1::text[], $2::text[]) AS k (category, event_type)
CROSS JOIN set_config(
    'synchronous_commit', replace(current_setting('synchronous_commit'), 'off', 'local'), true
) AS durable
WHERE NOT EXISTS (SELECT FROM {schema}.event_kinds e WHERE e.category = k.category AND e.event_type = k.event_type)
ORDER BY 1, 2
ON CONFLICT DO NOTHING
