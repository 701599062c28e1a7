-- Back to one key per bot and texts in clear. What cannot be kept so is refused, not dropped.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM messages WHERE text_sealed IS NOT NULL)
       OR EXISTS (SELECT 1 FROM outbox WHERE text_sealed IS NOT NULL)
       OR EXISTS (SELECT 1 FROM facts WHERE fact_sealed IS NOT NULL)
       OR EXISTS (SELECT 1 FROM summaries WHERE summary_sealed IS NOT NULL) THEN
        RAISE EXCEPTION 'Some texts are sealed: set data_isolation.encrypt_messages to false and run hanfleet keys rotate, then go back.';
    END IF;
    IF EXISTS (SELECT 1 FROM bot_keys GROUP BY bot_id HAVING count(*) > 1) THEN
        RAISE EXCEPTION 'Some bots have two keys: let hanfleet keys rotate come to its end, then go back.';
    END IF;
END $$;
ALTER TABLE messages DROP COLUMN text_sealed;
ALTER TABLE outbox DROP COLUMN text_sealed;
ALTER TABLE facts DROP COLUMN fact_sealed; -- and with it the check, which names it
ALTER TABLE facts ADD CONSTRAINT facts_fact_check CHECK (fact <> '');
ALTER TABLE summaries DROP COLUMN summary_sealed;
ALTER TABLE summaries ADD CONSTRAINT summaries_summary_check CHECK (summary <> '');
ALTER TABLE bot_keys DROP CONSTRAINT bot_keys_pkey;
ALTER TABLE bot_keys DROP COLUMN after_epoch, DROP COLUMN made_at, DROP CONSTRAINT bot_keys_key_id_check;
CREATE OR REPLACE TRIGGER audited AFTER INSERT OR UPDATE OF bot_id, wrapped ON bot_keys FOR EACH ROW
    EXECUTE FUNCTION audit_row('key', 'key_id', 'bot_id,key_id', '', 'wrapped');
-- Values name their key, so its number has to outlive a way back and up again.
ALTER TABLE bot_keys ALTER COLUMN key_id TYPE text;
ALTER TABLE bot_keys ADD PRIMARY KEY (bot_id);
