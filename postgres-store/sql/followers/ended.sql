-- What became of the last rebuild of follower $1: build $2, of version $3, ended as $4.
UPDATE {schema}.followers f
SET last_rebuild = json_build_object('build', $2::bigint, 'version', $3::bigint, 'ended_at', clock_timestamp(), 'outcome', $4::json)
WHERE f.name = $1
