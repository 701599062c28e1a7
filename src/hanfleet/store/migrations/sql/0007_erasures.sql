-- What an erasure takes with it.
SELECT 1;
