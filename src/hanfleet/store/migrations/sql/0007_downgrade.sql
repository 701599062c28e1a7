-- That contacts were erased is known to the ledger beside the backups alone then.
DROP FUNCTION may_be_echo(timestamptz), erase_contact_rows(text, bigint), contact_rows(text, bigint), contact_tables();
REVOKE UPDATE (kept) ON imports FROM @api@;
DROP TABLE erasures;
