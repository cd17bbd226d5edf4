-- One row a stream: its name, a narrow key for the table of events, and its version, which an append locks
-- and raises. Room is left in each page so that raising a version rewrites no index.
CREATE TABLE {schema}.streams (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version bigint NOT NULL,
    name    text COLLATE "C" NOT NULL UNIQUE
) WITH (fillfactor = 80);
