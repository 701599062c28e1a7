-- The rest of what the fleet keeps: facts, schedules, operators and what they hold, alerts; search; retention.
SELECT 1;
