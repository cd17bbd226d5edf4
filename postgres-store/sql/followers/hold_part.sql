-- Locks part $2 of build $1, claimed with fence $3, to make the tables of the build: no row if the claim does not hold.
-- For the rest of the transaction names are looked up, and made, where builds are made; $4 and $5 are its timeouts.
SELECT p.is_live,
    set_config('search_path', concat_ws(', ', '{build}', '{read}', nullif(current_setting('search_path'), '')), true),
    set_config('statement_timeout', $4, true), set_config('idle_in_transaction_session_timeout', $5, true)
FROM {schema}.parts p WHERE p.build = $1 AND p.part = $2 AND p.fence = $3 FOR UPDATE
