-- Which key sealed what, and texts that are stored sealed.

-- A bot has several keys while one takes over from another: the highest number seals, all of them open. A worker knows
-- those keys that were there when its lease was granted, so each says after which epoch it came.
ALTER TABLE bot_keys DROP CONSTRAINT bot_keys_pkey;
ALTER TABLE bot_keys ALTER COLUMN key_id TYPE integer USING key_id::integer;
ALTER TABLE bot_keys
    ADD COLUMN after_epoch bigint NOT NULL DEFAULT 0,
    ADD COLUMN made_at timestamptz NOT NULL DEFAULT now(),
    ADD PRIMARY KEY (bot_id, key_id),
    ADD CHECK (key_id > 0);
CREATE OR REPLACE TRIGGER audited AFTER INSERT OR UPDATE OF bot_id, key_id, wrapped ON bot_keys FOR EACH ROW
    EXECUTE FUNCTION audit_row('key', 'key_id', 'bot_id,key_id', '', 'wrapped');

-- Sealed for the field 'text:<id>'; an outbox row and its message have one id, and so one sealed text.
ALTER TABLE messages ADD COLUMN text_sealed bytea, ADD CHECK (text_sealed IS NULL OR text = '');
ALTER TABLE outbox ADD COLUMN text_sealed bytea, ADD CHECK (text_sealed IS NULL OR text = '');
GRANT UPDATE (text_sealed) ON messages TO @bots@;
ALTER TABLE facts ADD COLUMN fact_sealed bytea, DROP CONSTRAINT facts_fact_check,
    ADD CONSTRAINT facts_fact_check CHECK ((fact <> '') <> (fact_sealed IS NOT NULL));
ALTER TABLE summaries ADD COLUMN summary_sealed bytea, DROP CONSTRAINT summaries_summary_check,
    ADD CONSTRAINT summaries_summary_check CHECK ((summary <> '') <> (summary_sealed IS NOT NULL));
GRANT UPDATE (fact_sealed) ON facts TO @bots@;
