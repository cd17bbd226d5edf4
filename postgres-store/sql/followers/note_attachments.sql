-- Writes down what `create` has attached to the relations of build $1. At the end of `make`, once `build_objects` is
-- filled and `builds.is_live` says where they are.
INSERT INTO {schema}.build_attachments (build, kind, identity)
SELECT $1, a.kind, a.name FROM {schema}.build_attached($1) a
ON CONFLICT DO NOTHING
