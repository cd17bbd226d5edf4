-- Who follows the events, how far they are, and what went wrong. All of these tables are small.
--
-- Three schemas stand beside this one: {read} has the tables that serve, {build} those that are being built, and
-- {swap} is empty but within a swap.
--
-- Locks are waited for in one order everywhere: the row of `followers`, the rows of `parts` by number, then tables.
DO $$
DECLARE
    _beside text;
BEGIN
    FOREACH _beside IN ARRAY ARRAY['{read}', '{build}', '{swap}'] LOOP
        -- Asked first: a role that may make no schema can still be given them by somebody else.
        IF to_regnamespace(_beside) IS NULL THEN
            EXECUTE 'CREATE SCHEMA ' || _beside;
        END IF;
    END LOOP;
END
$$;

-- A claim's number, which no other claim ever has.
CREATE SEQUENCE {schema}.fences AS bigint CACHE 1;

-- Processes that run followers. One whose lease is over counts as dead.
CREATE TABLE {schema}.members (
    id     uuid PRIMARY KEY,
    name   text NOT NULL,
    until  timestamptz NOT NULL,
    report json NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE {schema}.followers (
    name         text COLLATE "C" PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('read model', 'projection', 'reactor')),
    declared     bigint NOT NULL CHECK (declared BETWEEN 0 AND 4294967295),
    paused_at    timestamptz,
    last_rebuild json,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One filling of a follower's tables: the live one, which serves, and at most one more, which is to take its place.
CREATE TABLE {schema}.builds (
    build           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    follower        text COLLATE "C" NOT NULL REFERENCES {schema}.followers ON DELETE CASCADE,
    version         bigint NOT NULL CHECK (version BETWEEN 0 AND 4294967295),
    is_live         boolean NOT NULL,
    is_made         boolean NOT NULL,
    verify          text CHECK (verify IN ('report', 'swap if equal')),
    may_swap_parked boolean NOT NULL DEFAULT false,
    parts           integer NOT NULL CHECK (parts BETWEEN 1 AND 65535),
    floors          bigint[] NOT NULL DEFAULT '{}',
    started_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    went_live_at    timestamptz,
    CHECK (NOT is_live OR verify IS NULL)
);

CREATE UNIQUE INDEX one_live_build ON {schema}.builds (follower) WHERE is_live;
CREATE UNIQUE INDEX one_shadow ON {schema}.builds (follower) WHERE NOT is_live;

-- What a build has made: in {read} if it is live, else in {build}. Indexes and owned sequences go with their tables.
CREATE TABLE {schema}.build_objects (
    build bigint REFERENCES {schema}.builds ON DELETE CASCADE,
    name  text COLLATE "C",
    kind  text NOT NULL CHECK (kind IN ('table', 'view', 'sequence')),
    PRIMARY KEY (build, name)
);

-- The checkpoints. `is_live` and `is_paused` are copies: who has waited for the row sees it as it is then, but a row
-- joined to it as it was before.
CREATE TABLE {schema}.parts (
    build       bigint REFERENCES {schema}.builds ON DELETE CASCADE,
    part        integer CHECK (part BETWEEN 0 AND 65534),
    position    bigint NOT NULL CHECK (position >= 0),
    events      bigint NOT NULL DEFAULT 0,
    advanced_at timestamptz,
    is_live     boolean NOT NULL,
    is_paused   boolean NOT NULL DEFAULT false,
    owner       uuid,
    claimed_at  timestamptz,
    fence       bigint NOT NULL DEFAULT nextval('{schema}.fences'),
    stopped_at  timestamptz,
    stopped_by  bigint,
    PRIMARY KEY (build, part),
    CHECK ((stopped_at IS NULL) = (stopped_by IS NULL)),
    CHECK (owner IS NULL OR stopped_at IS NULL AND NOT is_paused)
) WITH (fillfactor = 50);

-- The last word about each position that failed. `stopped_by` of a part is one of them.
CREATE TABLE {schema}.failures (
    build    bigint REFERENCES {schema}.builds ON DELETE CASCADE,
    position bigint,
    part     integer NOT NULL,
    event_id uuid,
    sequence text NOT NULL,
    kind     text NOT NULL,
    reason   text NOT NULL,
    count    bigint NOT NULL DEFAULT 1 CHECK (count > 0),
    first_at timestamptz NOT NULL,
    last_at  timestamptz NOT NULL,
    PRIMARY KEY (build, position)
);

-- Events put aside. `retry` is the same in all rows of a sequence.
CREATE TABLE {schema}.parked (
    build     bigint REFERENCES {schema}.builds ON DELETE CASCADE,
    sequence  text COLLATE "C",
    position  bigint,
    event_id  uuid NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    is_cause  boolean NOT NULL,
    retry     boolean NOT NULL DEFAULT false,
    PRIMARY KEY (build, sequence, position)
);
