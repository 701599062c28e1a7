-- Narrower rights: a role for the relay, and what bots never needed.
SELECT 1;
