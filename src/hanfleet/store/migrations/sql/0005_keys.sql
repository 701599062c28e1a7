-- Which key sealed what, and texts that are stored sealed.
SELECT 1;
