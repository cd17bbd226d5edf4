-- From the next statement of this transaction on, the server looks every few milliseconds whether the client is still there,
-- and gives up if it is not. Before version 14 a server does not know how: whoever goes ends this session
-- from another one, and one whose process dies goes on for as long as it was asked to.
SELECT set_config(name, '2', true) FROM pg_settings WHERE name = 'client_connection_check_interval'
