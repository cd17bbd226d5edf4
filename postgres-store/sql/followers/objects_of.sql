-- What build $1 has made, quoted, views first: what may hang on the others.
SELECT o.kind, quote_ident(o.name) FROM {schema}.build_objects o WHERE o.build = $1
ORDER BY array_position(ARRAY['view', 'table', 'sequence'], o.kind), o.name
