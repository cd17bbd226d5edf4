-- Which versions of this schema were applied, and when. The highest one is what the schema is at.
CREATE TABLE {schema}.migrations (
    version    integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);
