-- Calls the function, for the shadow $1 and $2 milliseconds; neither a frozen process nor the role's settings make it longer.
SELECT {schema}.hold_for_comparison($1, $2),
    set_config('idle_in_transaction_session_timeout', greatest(1, $2)::text, true)
