-- What events there are: each event type with the category of the streams it is in. Events hold the narrow id, so
-- that one index serves filters by category and by type alike.
CREATE TABLE {schema}.event_kinds (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    category   text COLLATE "C" NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    UNIQUE (category, event_type)
);
