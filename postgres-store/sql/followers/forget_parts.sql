-- Removes the parts of build $1, before it is divided anew.
DELETE FROM {schema}.parts p WHERE p.build = $1
