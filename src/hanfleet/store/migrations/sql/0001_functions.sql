-- What bots may do beyond reading and writing their own rows goes through functions that run as their owner and ask
-- session_user, which no setting and no SET ROLE changes. Bodies are BEGIN ATOMIC: names in them were bound when they
-- were made, so nothing that a caller makes can stand in for a table.

ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE FUNCTION my_bot() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
BEGIN ATOMIC
    SELECT bot_id FROM bot_roles WHERE role_name = session_user;
END;

CREATE FUNCTION claim_lease(
    p_epoch bigint, p_node text, p_boot_id text, p_pid integer, p_start_time bigint, p_ttl double precision
) RETURNS timestamptz
LANGUAGE sql VOLATILE SECURITY DEFINER
BEGIN ATOMIC
    UPDATE leases
    SET node = p_node, boot_id = p_boot_id, pid = p_pid, start_time = p_start_time,
        expires_at = clock_timestamp() + make_interval(secs => least(p_ttl, 300))
    WHERE name = 'bot:' || my_bot() AND epoch = p_epoch
      AND (pid IS NULL
           OR (node = p_node AND boot_id = p_boot_id AND pid = p_pid AND start_time = p_start_time))
    RETURNING expires_at;
END;

CREATE FUNCTION renew_lease(p_epoch bigint, p_ttl double precision) RETURNS timestamptz
LANGUAGE sql VOLATILE SECURITY DEFINER
BEGIN ATOMIC
    UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => least(p_ttl, 300))
    WHERE name = 'bot:' || my_bot() AND epoch = p_epoch AND pid IS NOT NULL
    RETURNING expires_at;
END;

CREATE FUNCTION release_lease(p_epoch bigint) RETURNS timestamptz
LANGUAGE sql VOLATILE SECURITY DEFINER
BEGIN ATOMIC
    UPDATE leases SET expires_at = least(expires_at, clock_timestamp())
    WHERE name = 'bot:' || my_bot() AND epoch = p_epoch
    RETURNING expires_at;
END;

CREATE FUNCTION beat(
    p_epoch bigint, p_phase text, p_loop_lag_ms double precision, p_connected boolean, p_last_update_at timestamptz,
    p_oldest_unanswered_at timestamptz, p_rss_mb double precision, p_uss_mb double precision, p_messages_in bigint,
    p_messages_out bigint, p_answer_latency_ms double precision
) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER
BEGIN ATOMIC
    INSERT INTO heartbeats (bot_id, epoch, phase, loop_lag_ms, connected, last_update_at, oldest_unanswered_at, rss_mb,
                            uss_mb, messages_in, messages_out, answer_latency_ms, at)
    SELECT my_bot(), p_epoch, p_phase, p_loop_lag_ms, p_connected, p_last_update_at, p_oldest_unanswered_at, p_rss_mb,
           p_uss_mb, p_messages_in, p_messages_out, p_answer_latency_ms, clock_timestamp()
    FROM leases WHERE name = 'bot:' || my_bot() AND epoch = p_epoch
    ON CONFLICT (bot_id) DO UPDATE
    SET epoch = excluded.epoch, phase = excluded.phase, loop_lag_ms = excluded.loop_lag_ms,
        connected = excluded.connected, last_update_at = excluded.last_update_at,
        oldest_unanswered_at = excluded.oldest_unanswered_at, rss_mb = excluded.rss_mb, uss_mb = excluded.uss_mb,
        messages_in = excluded.messages_in, messages_out = excluded.messages_out,
        answer_latency_ms = excluded.answer_latency_ms, at = excluded.at
    RETURNING true;
END;

CREATE FUNCTION forget_my_session() RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
BEGIN ATOMIC
    DELETE FROM session_entities WHERE bot_id = my_bot();
    DELETE FROM sessions WHERE bot_id = my_bot();
END;

-- The disclosure gate's second lock; the first is in the query that gives rows out.
CREATE FUNCTION refuse_undisclosed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM public.user_profiles
                   WHERE bot_id = NEW.bot_id AND chat_id = NEW.chat_id AND disclosed_at IS NOT NULL) THEN
        RAISE EXCEPTION 'the contact has not been told yet that it is an AI' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER disclosure_first BEFORE INSERT OR UPDATE OF state, kind ON outbox FOR EACH ROW
    WHEN (NEW.kind <> 'disclosure' AND NEW.state IN ('sending', 'sent')) EXECUTE FUNCTION refuse_undisclosed();

-- Months of UTC, this one and two ahead. A month whose rows went to the default partition already stays there.
CREATE FUNCTION ensure_month_partitions() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    parent text;
    month timestamptz;
    strays boolean;
BEGIN
    FOREACH parent IN ARRAY ARRAY['events', 'metrics_data'] LOOP
        FOR ahead IN 0..2 LOOP
            month := date_trunc('month', now()) + make_interval(months => ahead);
            CONTINUE WHEN to_regclass(format('public.%I', parent || to_char(month, '"_y"YYYY"m"MM'))) IS NOT NULL;
            EXECUTE format('SELECT EXISTS (SELECT 1 FROM public.%I WHERE timestamp >= $1 AND timestamp < $2)',
                           parent || '_default') INTO strays USING month, month + interval '1 month';
            CONTINUE WHEN strays;
            EXECUTE format('CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)',
                           parent || to_char(month, '"_y"YYYY"m"MM'), parent, month, month + interval '1 month');
        END LOOP;
    END LOOP;
END $$;
SELECT ensure_month_partitions();
