-- Numbers that cannot be. What counts starts at 0 and ids of messages at 1: a row that says otherwise is wrong, whoever
-- wrote it, and is refused where it is written. Bots may have written such rows before; they do not stop an upgrade.

UPDATE sessions SET telegram_user_id = NULL WHERE telegram_user_id <= 0;
DELETE FROM sessions WHERE dc_id <= 0 OR port NOT BETWEEN 1 AND 65535; -- leads nowhere: the bot logs in again
UPDATE user_profiles SET message_count = 0 WHERE message_count < 0;
UPDATE user_profiles SET profile_data = '{}' WHERE jsonb_typeof(profile_data) <> 'object';
UPDATE conversations SET newest_inbound = greatest(newest_inbound, 0), answered_through = greatest(answered_through, 0)
WHERE newest_inbound < 0 OR answered_through < 0;
UPDATE messages SET telegram_id = NULL WHERE telegram_id <= 0;
DELETE FROM turns WHERE newest_inbound < 0;
UPDATE turns SET model_ms = NULL WHERE model_ms < 0;
UPDATE outbox SET
    attempts = greatest(attempts, 0), answers = greatest(answers, 0),
    telegram_id = CASE WHEN telegram_id > 0 THEN telegram_id END
WHERE attempts < 0 OR answers < 0 OR telegram_id <= 0;
DELETE FROM outbox WHERE part < 0 OR position < 0;
-- Before 0006 a bot could turn its counters back. Their guard stands aside, for it allows small steps alone.
ALTER TABLE bot_counters DISABLE TRIGGER small_steps;
UPDATE bot_counters c SET
    event_seq = greatest(event_seq, 0),
    outbox_seq = greatest(outbox_seq, 0, (SELECT max(o.position) FROM outbox o WHERE o.bot_id = c.bot_id))
WHERE event_seq < 0 OR outbox_seq < 0;
ALTER TABLE bot_counters ENABLE TRIGGER small_steps;

ALTER TABLE sessions ADD CONSTRAINT possible_values CHECK (
    dc_id > 0 AND port BETWEEN 1 AND 65535 AND telegram_user_id > 0);
ALTER TABLE user_profiles ADD CONSTRAINT possible_values CHECK (
    message_count >= 0 AND jsonb_typeof(profile_data) = 'object');
ALTER TABLE conversations ADD CONSTRAINT possible_values CHECK (newest_inbound >= 0 AND answered_through >= 0);
ALTER TABLE messages ADD CONSTRAINT possible_values CHECK (telegram_id > 0);
ALTER TABLE turns ADD CONSTRAINT possible_values CHECK (newest_inbound >= 0 AND model_ms >= 0);
ALTER TABLE outbox ADD CONSTRAINT possible_values CHECK (
    part >= 0 AND position >= 0 AND attempts >= 0 AND telegram_id > 0 AND answers >= 0);
ALTER TABLE bots ADD CONSTRAINT possible_values CHECK (
    config_version > 0 AND restart_generation >= 0 AND applied_generation >= 0 AND jsonb_typeof(config) = 'object');
ALTER TABLE bot_counters ADD CONSTRAINT possible_values CHECK (event_seq >= 0 AND outbox_seq >= 0);
ALTER TABLE leases ADD CONSTRAINT possible_values CHECK (epoch >= 0);

-- \y is the border of a word: it never stands before a minus, so the number of a negative chat was found nowhere. Of the
-- function's body only this expression changes. A minus before a positive chat is no part of it: it goes, too.
DO $$
BEGIN
    EXECUTE replace(pg_get_functiondef('public.erase_contact_rows(text, bigint)'::regprocedure),
                    $old$'\y' || p_chat_id || '\y'$old$, $new$'(?<![0-9])' || p_chat_id || '(?![0-9])'$new$);
END $$;
