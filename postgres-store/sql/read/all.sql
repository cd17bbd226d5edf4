-- Up to $3 events after position $1 and up to position $2. Each column of a row costs server and reader alike, so a schema version
-- of 1, which most events have, is null here and in all statements like this one.
-- The numbers of kinds that the reader knows are those of the schema $4 on the server that was started at $5. Where that is not
-- this one, the kind is null, and the reader has to read event_kinds again: a standby that has taken over may have given a number
-- to another name. This is asked once, not for each row.
-- The parameters are fetched by SELECTs of their own, so that the planner does not know them: in a large table it would otherwise
-- make a plan for each page anew, always the same one, which takes longer than to read the few events that are new. What it is
-- told instead is the most that a page holds, whatever $3 is, lest it takes the statement for dear.
SELECT * FROM (
    SELECT e.position, e.version, e.recorded_at,
           CASE WHEN (SELECT $4 = {schema_id} AND $5 = pg_postmaster_start_time()) THEN e.kind END,
           nullif(e.schema_version, 1), e.id, e.correlation_id, e.causation_id,
           e.metadata, e.payload, e.stream
    FROM {schema}.events e
    WHERE (SELECT {schema}.refuse_standby()) AND e.position > (SELECT $1::bigint) AND e.position <= (SELECT $2::bigint)
    ORDER BY e.position
    LIMIT {page}
) AS page ORDER BY 1 LIMIT (SELECT $3::bigint)
