-- Whether build $1 is made already, which transaction this is, and what there is where builds are made.
SELECT b.is_made, pg_current_xact_id()::text,
    ARRAY(SELECT c.oid FROM pg_class c WHERE c.relnamespace = '{build}'::regnamespace),
    ARRAY(SELECT t.oid FROM pg_type t WHERE t.typnamespace = '{build}'::regnamespace),
    ARRAY(SELECT f.oid FROM pg_proc f WHERE f.pronamespace = '{build}'::regnamespace)
FROM {schema}.builds b WHERE b.build = $1
