-- One build is made at a time, so that what is new in the schema is what it made.
SELECT pg_advisory_xact_lock(hashtextextended('annals makes {schema}', 0))
