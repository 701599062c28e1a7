-- Back to the revision before. Rows keep what they hold: every bound that is taken away was narrower.
DO $$
BEGIN
    EXECUTE replace(pg_get_functiondef('public.erase_contact_rows(text, bigint)'::regprocedure),
                    $new$'(?<![0-9])' || p_chat_id || '(?![0-9])'$new$, $old$'\y' || p_chat_id || '\y'$old$);
END $$;
ALTER TABLE sessions DROP CONSTRAINT possible_values;
ALTER TABLE user_profiles DROP CONSTRAINT possible_values;
ALTER TABLE conversations DROP CONSTRAINT possible_values;
ALTER TABLE messages DROP CONSTRAINT possible_values;
ALTER TABLE turns DROP CONSTRAINT possible_values;
ALTER TABLE outbox DROP CONSTRAINT possible_values;
ALTER TABLE bots DROP CONSTRAINT possible_values;
ALTER TABLE bot_counters DROP CONSTRAINT possible_values;
ALTER TABLE leases DROP CONSTRAINT possible_values;
