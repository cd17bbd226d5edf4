-- The builds of follower $1, the live one first. Ask when the follower is locked, and nobody changes them.
SELECT b.build, b.version, b.is_live, b.parts, b.floors FROM {schema}.builds b WHERE b.follower = $1 ORDER BY b.is_live DESC
