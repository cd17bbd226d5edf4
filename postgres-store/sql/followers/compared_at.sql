-- Where the shadow $1 and the live build both are in this snapshot: no row if one part is not where the same part of the
-- other is, or there is no such shadow.
SELECT max(s.position), l.build
FROM {schema}.builds b
JOIN {schema}.builds l ON l.follower = b.follower AND l.is_live
JOIN {schema}.parts s ON s.build = b.build
JOIN {schema}.parts p ON p.build = l.build AND p.part = s.part
WHERE b.build = $1 AND NOT b.is_live AND b.is_made
GROUP BY l.build
HAVING bool_and(s.position = p.position)
