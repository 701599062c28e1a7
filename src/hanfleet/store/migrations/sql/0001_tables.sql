-- What the walking fleet keeps. Primary keys of tables with a bot_id begin with it, and so does every index that a
-- product query uses: those queries always name the bot.

CREATE TABLE bots (
    bot_id text PRIMARY KEY CHECK (bot_id ~ '^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    config jsonb NOT NULL,
    config_version integer NOT NULL DEFAULT 1,
    desired_state text NOT NULL DEFAULT 'stopped' CHECK (desired_state IN ('running', 'stopped', 'archived', 'erased')),
    restart_generation integer NOT NULL DEFAULT 0,
    applied_generation integer NOT NULL DEFAULT 0,
    status text NOT NULL DEFAULT 'configuring'
        CHECK (status IN ('configuring', 'starting', 'running', 'stopping', 'stopped', 'failed')),
    status_reason text NOT NULL DEFAULT '',
    status_since timestamptz NOT NULL,
    failure_kind text,
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    not_before timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

-- The lookup behind my_bot(). No row level security and no grant to bots, or my_bot() would ask itself who asks.
CREATE TABLE bot_roles (
    bot_id text PRIMARY KEY REFERENCES bots ON DELETE CASCADE,
    role_name name NOT NULL UNIQUE
);

CREATE TABLE bot_keys (
    bot_id text PRIMARY KEY REFERENCES bots ON DELETE CASCADE,
    key_id text NOT NULL,
    wrapped bytea NOT NULL
);

-- The order of a bot's events and of its outbox. One row per bot and no sequence: a shared one would tell every bot
-- how busy the others are.
CREATE TABLE bot_counters (
    bot_id text PRIMARY KEY REFERENCES bots ON DELETE CASCADE,
    event_seq bigint NOT NULL DEFAULT 0,
    outbox_seq bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE secrets (
    bot_id text NOT NULL REFERENCES bots ON DELETE CASCADE,
    name text NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (bot_id, name)
);

CREATE TABLE sessions (
    bot_id text PRIMARY KEY REFERENCES bots ON DELETE CASCADE,
    telegram_user_id bigint,
    is_bot boolean NOT NULL,
    dc_id integer NOT NULL,
    server_address text NOT NULL,
    port integer NOT NULL,
    auth_key_sealed bytea NOT NULL,
    pts bigint,
    qts bigint,
    date timestamptz,
    seq bigint,
    updated_at timestamptz NOT NULL,
    CHECK (num_nulls(pts, qts, date, seq) IN (0, 4))
) WITH (fillfactor = 50);

CREATE TABLE session_entities (
    bot_id text NOT NULL REFERENCES bots ON DELETE CASCADE,
    entity_id bigint NOT NULL,
    kind text NOT NULL,
    access_hash_sealed bytea NOT NULL,
    name text NOT NULL DEFAULT '',
    username text,
    phone_sealed bytea,
    PRIMARY KEY (bot_id, entity_id)
);

CREATE TABLE user_profiles (
    bot_id text NOT NULL REFERENCES bots ON DELETE CASCADE,
    id uuid NOT NULL,
    chat_id bigint NOT NULL,
    name text NOT NULL DEFAULT '',
    username text,
    language text,
    is_bot boolean NOT NULL DEFAULT false,
    profile_data jsonb NOT NULL DEFAULT '{}',
    disclosed_at timestamptz,
    opted_out_at timestamptz,
    paused_at timestamptz,
    message_count bigint NOT NULL DEFAULT 0,
    last_activity timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (bot_id, id),
    UNIQUE (bot_id, chat_id)
) PARTITION BY HASH (bot_id);

CREATE TABLE conversations (
    bot_id text NOT NULL,
    id uuid NOT NULL,
    chat_id bigint NOT NULL,
    newest_inbound bigint NOT NULL DEFAULT 0,
    newest_inbound_at timestamptz,
    answered_through bigint NOT NULL DEFAULT 0,
    reply_due_at timestamptz,
    waiting_since timestamptz,
    response_id text,
    timestamp timestamptz NOT NULL,
    PRIMARY KEY (bot_id, id),
    UNIQUE (bot_id, chat_id),
    FOREIGN KEY (bot_id, chat_id) REFERENCES user_profiles (bot_id, chat_id) ON DELETE CASCADE
) PARTITION BY HASH (bot_id);
CREATE INDEX conversations_due ON conversations (bot_id, reply_due_at) WHERE reply_due_at IS NOT NULL;

CREATE TABLE messages (
    bot_id text NOT NULL,
    id uuid NOT NULL,
    chat_id bigint NOT NULL,
    telegram_id bigint,
    direction text NOT NULL CHECK (direction IN ('in', 'out')),
    author text NOT NULL CHECK (author IN ('contact', 'bot', 'operator', 'owner')),
    text text NOT NULL,
    media text NOT NULL DEFAULT 'none' CHECK (media IN ('none', 'photo', 'voice', 'other')),
    sent_at timestamptz,
    created_at timestamptz NOT NULL,
    edited_at timestamptz,
    deleted_at timestamptz,
    outbox_id uuid,
    turn_id uuid,
    waiting boolean NOT NULL DEFAULT false, -- inbound, and no turn has decided on it yet
    PRIMARY KEY (bot_id, id),
    FOREIGN KEY (bot_id, chat_id) REFERENCES conversations (bot_id, chat_id) ON DELETE CASCADE,
    CHECK (NOT waiting OR direction = 'in'),
    CHECK ((direction = 'in') = (author = 'contact'))
) PARTITION BY HASH (bot_id);
-- Deletions name no chat, so the Telegram id comes first.
CREATE UNIQUE INDEX messages_telegram ON messages (bot_id, telegram_id, chat_id);
CREATE INDEX messages_talk ON messages (bot_id, chat_id, id);
CREATE INDEX messages_waiting ON messages (bot_id, chat_id) WHERE waiting;

CREATE TABLE turns (
    bot_id text NOT NULL,
    chat_id bigint NOT NULL,
    newest_inbound bigint NOT NULL,
    id uuid NOT NULL,
    reason text NOT NULL,
    model_ms integer,
    response_id text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (bot_id, chat_id, newest_inbound),
    FOREIGN KEY (bot_id, chat_id) REFERENCES conversations (bot_id, chat_id) ON DELETE CASCADE
);

CREATE TABLE outbox (
    bot_id text NOT NULL,
    id uuid NOT NULL,
    chat_id bigint NOT NULL,
    turn_id uuid,
    part integer NOT NULL,
    position bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('disclosure', 'reply', 'fallback', 'notice')),
    text text NOT NULL,
    random_id bigint NOT NULL CHECK (random_id <> 0),
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sending', 'sent', 'failed', 'cancelled')),
    merge_wait_ms integer NOT NULL DEFAULT 0 CHECK (merge_wait_ms >= 0),
    read_wait_ms integer NOT NULL DEFAULT 0 CHECK (read_wait_ms >= 0),
    typing_ms integer NOT NULL DEFAULT 0 CHECK (typing_ms >= 0),
    first_attempt_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    not_before timestamptz,
    telegram_id bigint,
    sent_at timestamptz,
    error text,
    answers bigint,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (bot_id, id),
    UNIQUE (bot_id, random_id),
    UNIQUE (bot_id, turn_id, part),
    UNIQUE (bot_id, position),
    FOREIGN KEY (bot_id, chat_id) REFERENCES conversations (bot_id, chat_id) ON DELETE CASCADE,
    CHECK ((state = 'sent') = (sent_at IS NOT NULL))
);
CREATE INDEX outbox_unsent ON outbox (bot_id, chat_id, position) WHERE state IN ('pending', 'sending');
-- For recognising our own message when Telegram gave no id at the send.
CREATE INDEX outbox_unnumbered ON outbox (bot_id, chat_id) WHERE attempts > 0 AND telegram_id IS NULL;

CREATE TABLE events (
    id uuid NOT NULL,
    type text NOT NULL,
    version integer NOT NULL,
    source text NOT NULL,
    bot_id text,
    seq bigint,
    data jsonb NOT NULL,
    correlation_id uuid NOT NULL,
    causation_id uuid,
    timestamp timestamptz NOT NULL,
    published_at timestamptz,
    PRIMARY KEY (timestamp, id),
    CHECK ((bot_id IS NULL) = (seq IS NULL))
) PARTITION BY RANGE (timestamp);
CREATE INDEX events_of_bot ON events (bot_id, seq);
CREATE INDEX events_unpublished ON events (timestamp) WHERE published_at IS NULL;
CREATE TABLE events_default PARTITION OF events DEFAULT;

CREATE TABLE metrics_data (
    bot_id text NOT NULL,
    name text NOT NULL,
    value double precision NOT NULL,
    timestamp timestamptz NOT NULL
) PARTITION BY RANGE (timestamp);
CREATE INDEX metrics_data_of_bot ON metrics_data (bot_id, name, timestamp);
CREATE TABLE metrics_data_default PARTITION OF metrics_data DEFAULT;

CREATE TABLE leases (
    name text PRIMARY KEY,
    epoch bigint NOT NULL,
    node text,
    boot_id text,
    pid integer,
    start_time bigint,
    granted_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CHECK (num_nulls(node, boot_id, pid, start_time) IN (0, 4))
) WITH (fillfactor = 50);

CREATE TABLE heartbeats (
    bot_id text PRIMARY KEY REFERENCES bots ON DELETE CASCADE,
    epoch bigint NOT NULL,
    phase text NOT NULL CHECK (phase IN ('starting', 'awaiting_login', 'running', 'stopping')),
    loop_lag_ms double precision NOT NULL,
    connected boolean NOT NULL,
    last_update_at timestamptz,
    oldest_unanswered_at timestamptz,
    rss_mb double precision NOT NULL,
    uss_mb double precision NOT NULL,
    messages_in bigint NOT NULL,
    messages_out bigint NOT NULL,
    answer_latency_ms double precision,
    at timestamptz NOT NULL
) WITH (fillfactor = 50);

DO $$
BEGIN
    FOR part IN 0..7 LOOP
        EXECUTE format('CREATE TABLE user_profiles_%s PARTITION OF user_profiles FOR VALUES WITH (MODULUS 8, REMAINDER %s)',
                       part, part);
        EXECUTE format('CREATE TABLE conversations_%s PARTITION OF conversations FOR VALUES WITH (MODULUS 8, REMAINDER %s)',
                       part, part);
        EXECUTE format('CREATE TABLE messages_%s PARTITION OF messages FOR VALUES WITH (MODULUS 8, REMAINDER %s)',
                       part, part);
    END LOOP;
END $$;
