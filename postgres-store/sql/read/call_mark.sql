-- How far the global order is final. The mark is taken here and used in a later statement on the same connection.
SELECT last, mark FROM {schema}.mark()
