-- Build $1 is made: of the objects $2, of the kinds $3, side by side.
WITH made AS (UPDATE {schema}.builds b SET is_made = true WHERE b.build = $1)
INSERT INTO {schema}.build_objects (build, name, kind)
SELECT $1, w.name, w.kind FROM unnest($2::text[], $3::text[]) AS w (name, kind)
