-- Sets `lock_timeout`, for the rest of the transaction, to what is left until _deadline; at least a millisecond, since 0
-- would be for ever.
CREATE FUNCTION {schema}.lock_until(_deadline timestamptz) RETURNS void LANGUAGE sql AS $$
    SELECT set_config('lock_timeout',
        greatest(1, ceil(1000 * extract(epoch FROM _deadline - clock_timestamp())))::bigint::text, true)
$$;
