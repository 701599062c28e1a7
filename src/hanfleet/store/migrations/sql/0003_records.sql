-- The rest of what the fleet keeps: facts, schedules, operators and what they hold, alerts; search; retention.

-- What is known of a contact, one sentence a topic; a newer one takes its place.
CREATE TABLE facts (
    bot_id text NOT NULL,
    chat_id bigint NOT NULL,
    topic text NOT NULL CHECK (length(topic) BETWEEN 1 AND 100),
    fact text NOT NULL CHECK (fact <> ''),
    learned_at timestamptz NOT NULL,
    PRIMARY KEY (bot_id, chat_id, topic),
    FOREIGN KEY (bot_id, chat_id) REFERENCES user_profiles (bot_id, chat_id) ON DELETE CASCADE
);

-- Ids grow with time: the last one counts. `through` is the last message that it tells of, and may be gone.
CREATE TABLE summaries (
    bot_id text NOT NULL,
    id uuid NOT NULL,
    chat_id bigint NOT NULL,
    summary text NOT NULL CHECK (summary <> ''),
    through uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (bot_id, chat_id, id),
    FOREIGN KEY (bot_id, chat_id) REFERENCES user_profiles (bot_id, chat_id) ON DELETE CASCADE
);

CREATE TABLE schedules (
    bot_id text NOT NULL,
    id uuid NOT NULL,
    chat_id bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('timer', 'starter', 'follow_up')),
    due_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'cancelled')),
    settled_at timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (bot_id, id),
    FOREIGN KEY (bot_id, chat_id) REFERENCES user_profiles (bot_id, chat_id) ON DELETE CASCADE,
    CHECK ((state = 'pending') = (settled_at IS NULL))
);
-- A restart neither forgets nor doubles what was planned.
CREATE UNIQUE INDEX schedules_planned ON schedules (bot_id, chat_id, kind) WHERE state = 'pending';
CREATE INDEX schedules_due ON schedules (bot_id, due_at) WHERE state = 'pending';
CREATE INDEX schedules_of_contact ON schedules (bot_id, chat_id);

-- People, and programs that act for them. The role is in the grant, for it may differ from bot to bot.
CREATE TABLE operators (
    name text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9._@-]{0,62}$'),
    password_hash text CHECK (password_hash ~ '^\$argon2'),
    created_at timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz
);

-- One per operator and bot. A grant that is taken back is deleted; the audit tells that it was there.
CREATE TABLE grants (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    operator text NOT NULL REFERENCES operators ON DELETE CASCADE,
    bot_id text REFERENCES bots ON DELETE CASCADE, -- NULL: every bot, those to come too
    role text NOT NULL CHECK (role IN ('owner', 'admin', 'operator', 'viewer')),
    granted_by text NOT NULL, -- a principal: operator:olga, system:migration
    granted_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (operator, bot_id)
);
CREATE INDEX grants_of_bot ON grants (bot_id);

CREATE TABLE tokens (
    id uuid PRIMARY KEY,
    operator text NOT NULL REFERENCES operators ON DELETE CASCADE,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    hash bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32), -- SHA-256 of 32 random bytes or more
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz CHECK (expires_at > created_at),
    last_used_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX tokens_of_operator ON tokens (operator);

CREATE TABLE webhooks (
    id uuid PRIMARY KEY,
    bot_id text REFERENCES bots ON DELETE CASCADE, -- NULL: every bot's events
    url text NOT NULL CHECK (url ~ '^https?://' AND length(url) <= 2000),
    secret_sealed bytea NOT NULL CHECK (octet_length(secret_sealed) > 0),
    event_types text[] NOT NULL CHECK (cardinality(event_types) > 0),
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'failing')),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX webhooks_of_bot ON webhooks (bot_id);

CREATE TABLE alerts (
    id uuid PRIMARY KEY,
    bot_id text REFERENCES bots ON DELETE CASCADE, -- NULL: of the fleet
    kind text NOT NULL CHECK (length(kind) BETWEEN 1 AND 100),
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    detail text NOT NULL DEFAULT '',
    raised_at timestamptz NOT NULL,
    acknowledged_at timestamptz CHECK (acknowledged_at >= raised_at),
    acknowledged_by text,
    resolved_at timestamptz CHECK (resolved_at >= raised_at),
    CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL))
);
-- What goes on is one alert, however often it is noticed.
CREATE UNIQUE INDEX alerts_open ON alerts (bot_id, kind) NULLS NOT DISTINCT WHERE resolved_at IS NULL;
CREATE INDEX alerts_of_bot ON alerts (bot_id, raised_at);

-- Whoever holds the fleet's first API token acts as this one.
INSERT INTO operators (name) VALUES ('owner');
INSERT INTO grants (operator, role, granted_by) VALUES ('owner', 'owner', 'system:migration');


-- Who the API acts for. Policies call these inside (SELECT …), so each is asked once a statement, not once a row.
-- Nobody but the API's role has them; a bot's role could set the setting, and nothing that it reaches looks at it.

CREATE FUNCTION principal_sees_all() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(starts_with(current_setting('hanfleet.principal', true), 'system:'), false)
        OR EXISTS (SELECT 1 FROM grants g JOIN operators o ON o.name = g.operator
                   WHERE 'operator:' || g.operator = current_setting('hanfleet.principal', true)
                     AND g.bot_id IS NULL AND o.disabled_at IS NULL);
END;

CREATE FUNCTION principal_bots() RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(array_agg(g.bot_id), '{}') FROM grants g JOIN operators o ON o.name = g.operator
    WHERE 'operator:' || g.operator = current_setting('hanfleet.principal', true)
      AND g.bot_id IS NOT NULL AND o.disabled_at IS NULL;
END;

-- Who may look at other operators and change what they hold.
CREATE FUNCTION principal_manages_operators() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(starts_with(current_setting('hanfleet.principal', true), 'system:'), false)
        OR EXISTS (SELECT 1 FROM grants g JOIN operators o ON o.name = g.operator
                   WHERE 'operator:' || g.operator = current_setting('hanfleet.principal', true)
                     AND g.bot_id IS NULL AND g.role IN ('owner', 'admin') AND o.disabled_at IS NULL);
END;

GRANT EXECUTE ON FUNCTION principal_sees_all(), principal_bots(), principal_manages_operators() TO @api@;

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['facts', 'summaries', 'schedules', 'webhooks', 'alerts'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO @supervisor@, @api@', relation);
        EXECUTE format('CREATE POLICY supervisor ON %I TO @supervisor@ USING (true)', relation);
        EXECUTE format('CREATE POLICY api ON %I TO @api@ USING (false)', relation);
    END LOOP;
    FOREACH relation IN ARRAY ARRAY['facts', 'summaries', 'schedules'] LOOP
        EXECUTE format('GRANT SELECT, INSERT ON %I TO @bots@', relation);
        EXECUTE format('CREATE POLICY own ON %I TO @bots@ USING (bot_id = my_bot())', relation);
    END LOOP;
    FOREACH relation IN ARRAY ARRAY[
        'bots', 'bot_keys', 'bot_counters', 'secrets', 'sessions', 'session_entities', 'user_profiles', 'conversations',
        'messages', 'turns', 'outbox', 'events', 'metrics_data', 'heartbeats', 'imports',
        'facts', 'summaries', 'schedules', 'webhooks', 'alerts'
    ] LOOP
        EXECUTE format('ALTER POLICY api ON %I USING ((SELECT principal_sees_all())'
                       ' OR bot_id = ANY ((SELECT principal_bots())::text[]))', relation);
    END LOOP;
END $$;

GRANT UPDATE (fact, learned_at) ON facts TO @bots@;
GRANT UPDATE (due_at, state, settled_at) ON schedules TO @bots@;

ALTER TABLE operators ENABLE ROW LEVEL SECURITY;
ALTER TABLE grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tokens ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON operators, grants, tokens TO @api@;
-- One sees what one holds oneself; one's grants are others' to change.
CREATE POLICY api ON operators TO @api@ USING ((SELECT principal_manages_operators()));
CREATE POLICY api_own ON operators FOR SELECT TO @api@
    USING ('operator:' || name = current_setting('hanfleet.principal', true));
CREATE POLICY api ON grants TO @api@ USING ((SELECT principal_manages_operators()));
CREATE POLICY api_own ON grants FOR SELECT TO @api@
    USING ('operator:' || operator = current_setting('hanfleet.principal', true));
CREATE POLICY api ON tokens TO @api@ USING ((SELECT principal_manages_operators()));
CREATE POLICY api_own ON tokens TO @api@
    USING ('operator:' || operator = current_setting('hanfleet.principal', true));


-- Search. The configuration "russian" stems Latin words as English and Cyrillic ones as Russian, so one index serves
-- both. Texts that are kept sealed are empty here, and not in it.

CREATE INDEX messages_words ON messages USING gin (to_tsvector('pg_catalog.russian', text))
    WITH (gin_pending_list_limit = 64) -- kB: new words are sorted in often, so that no insert has to wait for many
    WHERE text <> '' AND deleted_at IS NULL;

-- As its owner, for under row level security the index would not be used: @@ may tell of rows that are not ours to see.
-- Gives ids alone: the rows are then read under the caller's own policies.
CREATE FUNCTION search_messages(p_bot_id text, p_query text, p_limit integer, p_before uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER ROWS 50
BEGIN ATOMIC
    WITH found AS MATERIALIZED (
        SELECT m.id FROM messages m
        WHERE m.bot_id = p_bot_id AND m.text <> '' AND m.deleted_at IS NULL
          AND to_tsvector('pg_catalog.russian', m.text) @@ websearch_to_tsquery('pg_catalog.russian', p_query)
          AND ((SELECT principal_sees_all()) OR p_bot_id = ANY ((SELECT principal_bots())::text[])))
    SELECT found.id FROM found WHERE p_before IS NULL OR found.id < p_before
    ORDER BY found.id DESC LIMIT least(p_limit, 500);
END;
GRANT EXECUTE ON FUNCTION search_messages(text, text, integer, uuid) TO @api@;


-- Events of one bot are asked for by time; the relay looks for those that wait, and has an index of its own.
CREATE INDEX events_of_bot_by_time ON events (bot_id, timestamp, seq);
DROP INDEX events_of_bot;

-- Drops the months of events or metrics_data that ended before p_before; gives how many. A month with an event that
-- waits for publication stays, and so does the default partition, where imported metrics of long ago are. It needs the
-- table for itself for a moment: behind somebody's transaction it waits for p_wait_ms, and all others wait behind it.
CREATE FUNCTION drop_old_months(p_parent text, p_before timestamptz, p_wait_ms integer DEFAULT 200) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' SET lock_timeout = '200ms' AS $$
DECLARE
    part text;
    kept boolean := false;
    dropped integer := 0;
BEGIN
    IF p_parent NOT IN ('events', 'metrics_data') THEN
        RAISE EXCEPTION 'the months of % are not dropped by age', p_parent;
    END IF;
    PERFORM set_config('lock_timeout', p_wait_ms::text, true); -- until the function returns: it has a SET of its own
    FOR part IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = format('public.%I', p_parent)::regclass
          AND c.relname ~ ('^' || p_parent || '_y\d{4}m\d{2}$')
          AND to_date(right(c.relname, 7), 'YYYY"m"MM') + interval '1 month' <= least(p_before, now())
        ORDER BY c.relname
    LOOP
        EXECUTE format('LOCK TABLE public.%I IN ACCESS EXCLUSIVE MODE', part);
        IF p_parent = 'events' THEN
            EXECUTE format('SELECT EXISTS (SELECT 1 FROM public.%I WHERE published_at IS NULL)', part) INTO kept;
        END IF;
        CONTINUE WHEN kept;
        EXECUTE format('DROP TABLE public.%I', part);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;
GRANT EXECUTE ON FUNCTION drop_old_months(text, timestamptz, integer) TO @supervisor@;
