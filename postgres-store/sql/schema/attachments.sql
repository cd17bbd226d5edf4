-- What hangs on the tables of a build because its `create` made it so: indexes, constraints, triggers, policies and so
-- on, by names without the schema, which changes with a swap. Whatever else hangs on them was put there by hand, and
-- would be lost in a swap.
CREATE TABLE {schema}.build_attachments (
    build    bigint REFERENCES {schema}.builds ON DELETE CASCADE,
    kind     text COLLATE "C",
    identity text COLLATE "C",
    PRIMARY KEY (build, kind, identity)
);
