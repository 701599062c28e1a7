-- Restored bots whose catch-up is to come yet take what they wrote since the backup for the owner's then.
REVOKE INSERT (bot_id, telegram_user_id, is_bot, dc_id, server_address, port, auth_key_sealed, pts, qts, date, seq,
               updated_at) ON sessions FROM @bots@;
GRANT INSERT ON sessions TO @bots@;
ALTER TABLE sessions DROP COLUMN restored_at;
-- That contacts were erased is known to the ledger beside the backups alone then.
DROP FUNCTION may_be_echo(timestamptz), erase_contact_rows(text, bigint), contact_rows(text, bigint), contact_tables();
REVOKE UPDATE (kept) ON imports FROM @api@;
DROP TABLE erasures;
