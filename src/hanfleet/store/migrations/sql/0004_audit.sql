-- The audit trail: triggers, chains, heads.
SELECT 1;
