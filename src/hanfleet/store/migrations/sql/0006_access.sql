-- Narrower rights: a role for the relay, and nothing for the supervisor that it does not use; and bounds on what bots
-- may write that services read for all bots. Without bounds one row is enough to stop the fleet: a time before Christ or
-- a number that is none cannot be read back by those who supervise everybody.

-- The relay sees what waits and says that it is published.
GRANT SELECT, UPDATE (published_at) ON events TO @relay@; -- it updates through a function; the right is for row locks
CREATE POLICY relay ON events FOR SELECT TO @relay@ USING (published_at IS NULL);
CREATE POLICY relay_locks ON events FOR UPDATE TO @relay@ USING (published_at IS NULL);
-- In the order in which it takes them, so that it never reads more of a bot than it takes.
DROP INDEX events_unpublished;
CREATE INDEX events_unpublished ON events (bot_id, seq, timestamp, id) WHERE published_at IS NULL;

CREATE FUNCTION mark_published(p_times timestamptz[], p_ids uuid[], p_now timestamptz) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
BEGIN ATOMIC
    UPDATE events e SET published_at = p_now
    FROM unnest(p_times, p_ids) AS done (timestamp, id)
    WHERE e.timestamp = done.timestamp AND e.id = done.id AND e.published_at IS NULL;
END;
GRANT EXECUTE ON FUNCTION mark_published(timestamptz[], uuid[], timestamptz) TO @relay@;

-- The supervisor moves states and erases bots; what contacts say is none of its business. An erasure of a bot reaches
-- the other tables by their foreign keys.
REVOKE ALL ON secrets, sessions, session_entities, user_profiles, conversations, messages, turns, outbox, facts,
    summaries, schedules FROM @supervisor@;
DROP POLICY supervisor ON secrets;
DROP POLICY supervisor ON sessions;
DROP POLICY supervisor ON session_entities;
DROP POLICY supervisor ON user_profiles;
DROP POLICY supervisor ON conversations;
DROP POLICY supervisor ON turns;
DROP POLICY supervisor ON facts;
DROP POLICY supervisor ON summaries;
DROP POLICY supervisor ON schedules;
-- Retention drops messages by their age, and asks for no word of them.
GRANT SELECT (bot_id, id, created_at, waiting), DELETE ON messages TO @supervisor@;
GRANT SELECT (bot_id, id, state), DELETE ON outbox TO @supervisor@;
REVOKE INSERT ON bots FROM @supervisor@;
REVOKE INSERT, DELETE ON bot_counters FROM @supervisor@;
REVOKE UPDATE ON events FROM @supervisor@;
REVOKE INSERT, UPDATE ON metrics_data FROM @supervisor@;
REVOKE INSERT, UPDATE, DELETE ON heartbeats FROM @supervisor@;
REVOKE INSERT, UPDATE, DELETE ON bot_keys FROM @supervisor@;
GRANT UPDATE (made_at) ON bot_keys TO @supervisor@; -- it changes nothing; the right is for the row locks of a start
REVOKE DELETE ON leases FROM @supervisor@;

-- The API changes what it has a use for, and moves no secret, consent or right to another bot, person or operator.
REVOKE UPDATE ON bots, secrets, bot_keys, user_profiles, operators, grants, tokens, webhooks FROM @api@;
GRANT UPDATE (name, config, config_version, desired_state, restart_generation, updated_at) ON bots TO @api@;
GRANT UPDATE (sealed) ON secrets TO @api@;
GRANT UPDATE (made_at) ON bot_keys TO @api@; -- for row locks, as the supervisor's
GRANT UPDATE (opted_out_at, paused_at) ON user_profiles TO @api@;
GRANT UPDATE (disabled_at) ON operators TO @api@;
GRANT UPDATE (role, granted_by, granted_at) ON grants TO @api@;
GRANT UPDATE (last_used_at, revoked_at) ON tokens TO @api@;

-- When the role got its present password: a session that began before is one that a rotation missed.
ALTER TABLE bot_roles ADD COLUMN rotated_at timestamptz;
GRANT UPDATE (rotated_at) ON bot_roles TO @provisioner@;
-- A new password is no news for the audit: each start brings one.
CREATE OR REPLACE TRIGGER audited AFTER INSERT OR UPDATE OF bot_id, role_name ON bot_roles FOR EACH ROW
    EXECUTE FUNCTION audit_row('role', 'role_name', 'bot_id,role_name', '', '');

-- Errors are for those to tell who saw them from outside. What a bot's event may hold is what the relay can carry: in
-- text, for jsonb keeps 1e5000 in a few bytes and writes it as 5001 digits; and no deeper than readers of JSON go. And
-- it is of now, or it would lie in the default partition, which retention never drops.
ALTER POLICY own_write ON events WITH CHECK (
    bot_id = my_bot() AND split_part(type, '.', 1) IN ('bot', 'user', 'profile') AND source = 'worker'
    AND published_at IS NULL AND length(type) <= 100 AND jsonb_typeof(data) = 'object'
    AND octet_length(data::text) <= 4096 AND NOT jsonb_path_exists(data, '$.** ? (@.abs() > 1e300)')
    AND NOT jsonb_path_exists(data, '$.**{33 to last}')
    AND timestamp BETWEEN now() - interval '1 day' AND now() + interval '1 hour');

-- A number of a far month would lie in the default partition and keep that month from ever being made. NaN is above
-- every number.
ALTER POLICY own ON metrics_data WITH CHECK (
    bot_id = my_bot() AND length(name) <= 200 AND value BETWEEN -1e300 AND 1e300
    AND timestamp BETWEEN now() - interval '1 hour' AND now() + interval '1 hour');

-- What a bot writes in its own tables is read by others too: by operators' lists, by erasure and restore. The times are
-- those that the importer takes, wrong ones of long ago and of the far future among them, and no others.
-- The bounds stand in store/bounds.py, too, for those who have to say what did not fit.
DO $$
DECLARE
    bound record;
BEGIN
    FOR bound IN SELECT * FROM (VALUES
        ('sessions', '{date, updated_at}', '{server_address, auth_key_sealed}'),
        ('session_entities', '{}', '{kind, access_hash_sealed, name, username, phone_sealed}'),
        ('user_profiles', '{disclosed_at, opted_out_at, paused_at, last_activity, created_at}',
         '{name, username, language}'),
        ('conversations', '{newest_inbound_at, reply_due_at, waiting_since, timestamp}', '{response_id}'),
        ('messages', '{sent_at, created_at, edited_at, deleted_at}', '{text, text_sealed}'),
        ('turns', '{created_at}', '{reason, response_id}'),
        ('outbox', '{first_attempt_at, not_before, sent_at, created_at}', '{text, text_sealed, error}'),
        ('facts', '{learned_at}', '{fact, fact_sealed}'),
        ('summaries', '{created_at}', '{summary, summary_sealed}'),
        ('schedules', '{due_at, settled_at, created_at}', '{}')
    ) AS bounds (relation, times, sizes)
    LOOP
        IF bound.times <> '{}' THEN
            EXECUTE format('ALTER TABLE %I ADD CONSTRAINT readable_times CHECK (%s)', bound.relation, (
                SELECT string_agg(format('%1$I >= ''0002-01-01 00:00:00+00'' AND %1$I < ''9999-01-01 00:00:00+00''',
                                         name), ' AND ') FROM unnest(bound.times::text[]) AS name));
        END IF;
        IF bound.sizes <> '{}' THEN
            EXECUTE format('ALTER TABLE %I ADD CONSTRAINT bounded_sizes CHECK (%s)', bound.relation, (
                SELECT string_agg(format('octet_length(%I) <= 65536', name), ' AND ')
                FROM unnest(bound.sizes::text[]) AS name));
        END IF;
    END LOOP;
END $$;
ALTER TABLE user_profiles ADD CONSTRAINT readable_data CHECK (
    octet_length(profile_data::text) <= 1048576 AND NOT jsonb_path_exists(profile_data, '$.** ? (@.abs() > 1e300)')
    AND NOT jsonb_path_exists(profile_data, '$.**{101 to last}'));

-- What supervisor and API read of every bot at once.
ALTER TABLE heartbeats
    ADD CONSTRAINT readable_times CHECK (
        coalesce(last_update_at, at) BETWEEN '1970-01-01 00:00:00+00' AND '3000-01-01 00:00:00+00'
        AND coalesce(oldest_unanswered_at, at) BETWEEN '1970-01-01 00:00:00+00' AND '3000-01-01 00:00:00+00'),
    ADD CONSTRAINT readable_numbers CHECK (
        loop_lag_ms BETWEEN 0 AND 1e12 AND rss_mb BETWEEN 0 AND 1e9 AND uss_mb BETWEEN 0 AND 1e9
        AND messages_in >= 0 AND messages_out >= 0 AND coalesce(answer_latency_ms, 0) BETWEEN 0 AND 1e12);
ALTER TABLE leases
    ADD CONSTRAINT readable_times CHECK (expires_at BETWEEN '1970-01-01 00:00:00+00' AND '3000-01-01 00:00:00+00');

-- Who holds a lease is said by the supervisor that launched the process, before the process has any secret. A worker
-- that named another node or process would be one that nobody ends. Its own node's name is not asked: it may change.
CREATE OR REPLACE FUNCTION claim_lease(
    p_epoch bigint, p_node text, p_boot_id text, p_pid integer, p_start_time bigint, p_ttl double precision
) RETURNS timestamptz
LANGUAGE sql VOLATILE SECURITY DEFINER
BEGIN ATOMIC
    UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => least(p_ttl, 300))
    WHERE name = 'bot:' || my_bot() AND epoch = p_epoch
      AND boot_id = p_boot_id AND pid = p_pid AND start_time = p_start_time
    RETURNING expires_at;
END;

-- A bot that puts its counter at the end of all numbers could not be stopped any more: each change of its state counts
-- one event. One step never takes more than this.
CREATE FUNCTION refuse_leap() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'counters go up, and by small steps' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER small_steps BEFORE UPDATE ON bot_counters FOR EACH ROW
    WHEN (NEW.event_seq NOT BETWEEN OLD.event_seq AND OLD.event_seq + 100000
          OR NEW.outbox_seq NOT BETWEEN OLD.outbox_seq AND OLD.outbox_seq + 100000)
    EXECUTE FUNCTION refuse_leap();
