-- Who may do what. @bots@, @supervisor@, @api@ and @provisioner@ are this installation's roles. Nobody is granted
-- anything on a partition: row level security on the parent would not reach it.

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY[
        'bots', 'bot_keys', 'bot_counters', 'secrets', 'sessions', 'session_entities', 'user_profiles', 'conversations',
        'messages', 'turns', 'outbox', 'events', 'metrics_data', 'heartbeats'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO @supervisor@, @api@', relation);
        EXECUTE format('CREATE POLICY supervisor ON %I TO @supervisor@ USING (true)', relation);
        EXECUTE format(
            'CREATE POLICY api ON %I TO @api@ USING (coalesce(current_setting(''hanfleet.principal'', true), '''') <> '''')',
            relation);
    END LOOP;
    FOREACH relation IN ARRAY ARRAY[
        'bots', 'bot_counters', 'secrets', 'sessions', 'session_entities', 'user_profiles', 'conversations', 'messages',
        'turns', 'outbox', 'metrics_data'
    ] LOOP
        EXECUTE format('GRANT SELECT ON %I TO @bots@', relation);
        EXECUTE format('CREATE POLICY own ON %I TO @bots@ USING (bot_id = my_bot())', relation);
    END LOOP;
END $$;

-- Bots never get UPDATE or DELETE on a whole table: either would let them lock it against everyone.
GRANT INSERT, UPDATE (telegram_user_id, is_bot, dc_id, server_address, port, auth_key_sealed, pts, qts, date, seq,
                      updated_at) ON sessions TO @bots@;
GRANT INSERT, UPDATE (kind, access_hash_sealed, name, username, phone_sealed) ON session_entities TO @bots@;
GRANT INSERT, UPDATE (name, username, language, is_bot, profile_data, disclosed_at, opted_out_at, paused_at,
                      message_count, last_activity) ON user_profiles TO @bots@;
GRANT INSERT, UPDATE (newest_inbound, newest_inbound_at, answered_through, reply_due_at, waiting_since, response_id,
                      timestamp) ON conversations TO @bots@;
GRANT INSERT, UPDATE (telegram_id, text, sent_at, edited_at, deleted_at, waiting, turn_id) ON messages TO @bots@;
GRANT INSERT ON turns TO @bots@;
GRANT INSERT, UPDATE (state, first_attempt_at, attempts, not_before, telegram_id, sent_at, error) ON outbox TO @bots@;
GRANT UPDATE (event_seq, outbox_seq) ON bot_counters TO @bots@;
GRANT INSERT ON metrics_data TO @bots@;

GRANT SELECT, INSERT ON events TO @bots@;
CREATE POLICY own_read ON events FOR SELECT TO @bots@ USING (bot_id = my_bot());
CREATE POLICY own_write ON events FOR INSERT TO @bots@ WITH CHECK (
    bot_id = my_bot() AND split_part(type, '.', 1) IN ('bot', 'user', 'profile', 'error')
    AND source = 'worker' AND published_at IS NULL);

GRANT SELECT, INSERT, UPDATE, DELETE ON leases TO @supervisor@;
GRANT SELECT ON leases TO @api@;
GRANT SELECT, INSERT, DELETE ON bot_roles TO @provisioner@;

GRANT EXECUTE ON FUNCTION my_bot(), claim_lease(bigint, text, text, integer, bigint, double precision),
    renew_lease(bigint, double precision), release_lease(bigint),
    beat(bigint, text, double precision, boolean, timestamptz, timestamptz, double precision, double precision, bigint,
         bigint, double precision),
    forget_my_session() TO @bots@;
GRANT EXECUTE ON FUNCTION ensure_month_partitions() TO @supervisor@;
