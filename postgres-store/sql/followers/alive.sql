-- The beginning of the books where nobody gives a sign of life: who is alive at this moment. What a standby that is behind has in
-- them may be of before a part was divided anew.
WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now),
alive AS MATERIALIZED (
    SELECT m.id, m.name, m.until, m.report FROM {schema}.members m CROSS JOIN clock c WHERE (SELECT {schema}.refuse_standby()) AND m.until > c.now
)
