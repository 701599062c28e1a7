-- Back to the revision before.
SELECT 1;
