-- The audit trail: who changed what, written by triggers, row linked to row by hashes. Nobody who runs may write it but
-- through them, and nobody may change it.
--
-- Each entry belongs to a chain, whose head stays locked until the writer's commit. What a bot's own role writes has a
-- chain of its own (worker:anna), apart from what services write on that bot (bot:anna): a bot that keeps a transaction
-- open holds up nobody but itself. What concerns no bot is in the chain "fleet".

CREATE TABLE audit_chains (
    chain text PRIMARY KEY,
    seq bigint NOT NULL,
    hash bytea NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE audit (
    chain text NOT NULL,
    seq bigint NOT NULL,
    timestamp timestamptz NOT NULL,
    principal text NOT NULL, -- operator:NAME, system:PROCESS, bot:ID; role:NAME where a service did not say who it is
    db_role text NOT NULL,
    action text NOT NULL CHECK (action IN ('insert', 'update', 'delete')),
    noun text NOT NULL,
    bot_id text,
    subject text NOT NULL, -- the key of what was changed; of contacts the surrogate id
    old_values jsonb,
    new_values jsonb,
    request_id text,
    prev_hash bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (timestamp, chain, seq)
) PARTITION BY RANGE (timestamp);
CREATE INDEX audit_of_chain ON audit (chain, seq);
CREATE INDEX audit_of_bot ON audit (bot_id, timestamp, chain, seq);
CREATE TABLE audit_default PARTITION OF audit DEFAULT;

-- How far retention has taken each chain away: the first row that is left refers to this hash.
CREATE TABLE audit_checkpoints (
    chain text PRIMARY KEY,
    seq bigint NOT NULL,
    hash bytea NOT NULL
);

-- One entry at the end of one chain. The hash covers the entry's columns as one JSON array (jsonb has one way to write
-- a value) behind the hash before it; `store/evidence.py` makes the same text by itself, so that verification asks no
-- function that could have been changed here.
CREATE FUNCTION audit_append(
    p_chain text, p_principal text, p_action text, p_noun text, p_bot_id text, p_subject text, p_old jsonb, p_new jsonb,
    p_request_id text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    head public.audit_chains;
    entry public.audit;
BEGIN
    SELECT * INTO head FROM public.audit_chains WHERE chain = p_chain FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO public.audit_chains (chain, seq, hash) VALUES (p_chain, 0, '') ON CONFLICT DO NOTHING;
        SELECT * INTO head FROM public.audit_chains WHERE chain = p_chain FOR UPDATE;
    END IF;
    entry.chain := p_chain;
    entry.seq := head.seq + 1;
    entry.timestamp := clock_timestamp(); -- after the wait for the lock: seq and time go the same way
    entry.principal := p_principal;
    entry.db_role := session_user;
    entry.action := p_action;
    entry.noun := p_noun;
    entry.bot_id := p_bot_id;
    entry.subject := p_subject;
    entry.old_values := p_old;
    entry.new_values := p_new;
    entry.request_id := p_request_id;
    entry.prev_hash := head.hash;
    entry.hash := sha256(entry.prev_hash || convert_to(jsonb_build_array(
        entry.chain, entry.seq, to_char(entry.timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        entry.principal, entry.db_role, entry.action, entry.noun, entry.bot_id, entry.subject, entry.old_values,
        entry.new_values, entry.request_id)::text, 'UTF8'));
    INSERT INTO public.audit SELECT entry.*;
    UPDATE public.audit_chains SET seq = entry.seq, hash = entry.hash WHERE chain = p_chain;
END $$;

-- Who and on which chain. A bot is known by its log-in alone; what services say of themselves is believed.
CREATE FUNCTION audit_note(p_action text, p_noun text, p_bot_id text, p_subject text, p_old jsonb, p_new jsonb)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    me text := public.my_bot();
BEGIN
    IF me IS NOT NULL THEN
        PERFORM public.audit_append('worker:' || me, 'bot:' || me, p_action, p_noun, me, p_subject, p_old, p_new, NULL);
        RETURN;
    END IF;
    PERFORM public.audit_append(
        coalesce('bot:' || p_bot_id, 'fleet'),
        left(coalesce(nullif(current_setting('hanfleet.principal', true), ''), 'role:' || session_user), 200),
        p_action, p_noun, p_bot_id, p_subject, p_old, p_new,
        left(nullif(current_setting('hanfleet.request_id', true), ''), 100));
END $$;

-- A configuration without what is private or may hold a password: phone, the admin's chat, and of addresses user,
-- query and fragment.
CREATE FUNCTION audit_config(config jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    SELECT jsonb_object_agg(key, CASE
        WHEN key IN ('telegram_phone', 'admin_chat_id') AND value <> 'null' THEN '"(not kept)"'
        WHEN key = 'llm' AND value ->> 'base_url' IS NOT NULL THEN jsonb_set(value, '{base_url}', to_jsonb(
            regexp_replace(value ->> 'base_url', '^([^:/]*://)([^/]*@)?([^?#]*).*$', '\1\3')))
        ELSE value END)
    FROM jsonb_each(config);
END;

-- What an entry shows of a row: `kept` columns as they are, `marked` ones only as set or null, `hashed` ones as the
-- beginning of a SHA-256. Each a list with commas; all other columns stay out.
CREATE FUNCTION audit_view(source jsonb, kept text, marked text, hashed text) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    SELECT coalesce(jsonb_object_agg(key, CASE
        WHEN value = 'null' THEN value
        WHEN key = ANY (string_to_array(marked, ',')) THEN '"set"'
        WHEN key = ANY (string_to_array(hashed, ','))
            THEN to_jsonb('sha256:' || left(encode(sha256(convert_to(value #>> '{}', 'UTF8')), 'hex'), 16))
        WHEN key = 'config' THEN audit_config(value)
        ELSE value END), '{}')
    FROM jsonb_each(source) WHERE key = ANY (string_to_array(concat_ws(',', kept, marked, hashed), ','));
END;

-- What `shown` has of the members that differ between `mine` and `other`; what is shown of both may well be the same.
CREATE FUNCTION audit_difference(shown jsonb, mine jsonb, other jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_object_agg(key, CASE
                WHEN jsonb_typeof(value) = 'object' AND jsonb_typeof(other -> key) = 'object'
                    THEN public.audit_difference(value, mine -> key, other -> key)
                ELSE value END), '{}')
            FROM jsonb_each(shown) WHERE mine -> key IS DISTINCT FROM other -> key);
END $$;

-- EXECUTE FUNCTION audit_row(noun, column of the subject, kept, marked, hashed).
-- An import is one entry (see audit_import): only the owner role, which can switch triggers off anyhow, may say that it
-- does one.
CREATE FUNCTION audit_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' SET bytea_output = 'hex' AS $$
DECLARE
    old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    new_row jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    old_view jsonb := public.audit_view(old_row, TG_ARGV[2], TG_ARGV[3], TG_ARGV[4]);
    new_view jsonb := public.audit_view(new_row, TG_ARGV[2], TG_ARGV[3], TG_ARGV[4]);
BEGIN
    IF session_user = current_user
       AND current_setting('hanfleet.principal', true) = 'system:import'
       AND NOT (TG_ARGV[0] = 'bot' AND TG_OP = 'DELETE') THEN
        RETURN NULL;
    END IF;
    PERFORM public.audit_note(
        lower(TG_OP), TG_ARGV[0], coalesce(new_row, old_row) ->> 'bot_id', coalesce(new_row, old_row) ->> TG_ARGV[1],
        CASE TG_OP WHEN 'UPDATE' THEN public.audit_difference(old_view, old_row, new_row) WHEN 'DELETE' THEN old_view END,
        CASE TG_OP WHEN 'UPDATE' THEN public.audit_difference(new_view, new_row, old_row) WHEN 'INSERT' THEN new_view END);
    RETURN NULL;
END $$;

-- Runs at the commit, when the import knows what it came to.
CREATE FUNCTION audit_import() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    standing public.imports;
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM public.audit_note('delete', 'import', OLD.bot_id, OLD.id::text,
                                  jsonb_build_object('made_bot', OLD.made_bot, 'counts', OLD.counts), NULL);
        RETURN NULL;
    END IF;
    SELECT * INTO standing FROM public.imports WHERE id = NEW.id;
    IF FOUND THEN
        PERFORM public.audit_note('insert', 'import', NEW.bot_id, NEW.id::text, NULL,
                                  jsonb_build_object('made_bot', standing.made_bot, 'counts', standing.counts));
    END IF;
    RETURN NULL;
END $$;

-- What a deleted bot takes along with it is part of that one entry: its cascades run one trigger deep.
-- A row that is moved to another key, and so to another bot or person, is a change of that key.
CREATE TRIGGER audited_change
    AFTER UPDATE OF bot_id, name, config, config_version, desired_state, restart_generation ON bots FOR EACH ROW
    WHEN (OLD.bot_id <> NEW.bot_id OR OLD.name <> NEW.name OR OLD.config <> NEW.config
          OR OLD.config_version <> NEW.config_version OR OLD.desired_state <> NEW.desired_state
          OR OLD.restart_generation <> NEW.restart_generation)
    EXECUTE FUNCTION audit_row('bot', 'bot_id', 'bot_id,name,config,config_version,desired_state,restart_generation',
                               '', '');
CREATE TRIGGER audited_birth AFTER INSERT ON bots FOR EACH ROW
    EXECUTE FUNCTION audit_row('bot', 'bot_id', 'name,config,config_version,desired_state', '', '');
CREATE TRIGGER audited_end AFTER DELETE ON bots FOR EACH ROW
    EXECUTE FUNCTION audit_row('bot', 'bot_id', 'config_version,desired_state', '', '');

CREATE TRIGGER audited AFTER INSERT OR UPDATE ON secrets FOR EACH ROW
    EXECUTE FUNCTION audit_row('secret', 'name', 'bot_id,name', '', 'sealed');
CREATE TRIGGER audited_end AFTER DELETE ON secrets FOR EACH ROW WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION audit_row('secret', 'name', 'bot_id,name', '', 'sealed');
CREATE TRIGGER audited AFTER INSERT OR UPDATE OF bot_id, wrapped ON bot_keys FOR EACH ROW
    EXECUTE FUNCTION audit_row('key', 'key_id', 'bot_id,key_id', '', 'wrapped');
CREATE TRIGGER audited_end AFTER DELETE ON bot_keys FOR EACH ROW WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION audit_row('key', 'key_id', 'bot_id,key_id', '', 'wrapped');
CREATE TRIGGER audited AFTER INSERT OR UPDATE ON bot_roles FOR EACH ROW
    EXECUTE FUNCTION audit_row('role', 'role_name', 'bot_id,role_name', '', '');
CREATE TRIGGER audited_end AFTER DELETE ON bot_roles FOR EACH ROW WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION audit_row('role', 'role_name', '', '', '');

CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE OF name, password_hash, disabled_at ON operators FOR EACH ROW
    EXECUTE FUNCTION audit_row('operator', 'name', 'name', 'password_hash,disabled_at', '');
CREATE TRIGGER audited AFTER INSERT OR UPDATE ON grants FOR EACH ROW
    EXECUTE FUNCTION audit_row('grant', 'operator', 'id,operator,bot_id,role,granted_by,granted_at', '', '');
CREATE TRIGGER audited_end AFTER DELETE ON grants FOR EACH ROW WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION audit_row('grant', 'operator', 'id,operator,bot_id,role,granted_by,granted_at', '', '');
CREATE TRIGGER audited
    AFTER INSERT OR UPDATE OF id, operator, name, hash, scopes, expires_at, revoked_at ON tokens FOR EACH ROW
    EXECUTE FUNCTION audit_row('token', 'id', 'id,operator,name,scopes,expires_at', 'revoked_at', 'hash');
CREATE TRIGGER audited_end AFTER DELETE ON tokens FOR EACH ROW WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION audit_row('token', 'id', 'operator,name,scopes,expires_at', 'revoked_at', 'hash');
-- The address of a webhook often is its password.
CREATE TRIGGER audited
    AFTER INSERT OR UPDATE OF id, bot_id, url, secret_sealed, event_types, state ON webhooks FOR EACH ROW
    EXECUTE FUNCTION audit_row('webhook', 'id', 'id,bot_id,event_types,state', '', 'url,secret_sealed');
CREATE TRIGGER audited_end AFTER DELETE ON webhooks FOR EACH ROW WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION audit_row('webhook', 'id', 'id,bot_id,event_types,state', '', 'url,secret_sealed');

-- Of contacts nothing but which of these columns were set or cleared, and that the row became another person's. A
-- worker's usual updates touch none of them.
CREATE TRIGGER audited_change
    AFTER UPDATE OF bot_id, id, chat_id, disclosed_at, opted_out_at, paused_at ON user_profiles FOR EACH ROW
    WHEN (OLD.bot_id <> NEW.bot_id OR OLD.id <> NEW.id OR OLD.chat_id <> NEW.chat_id
          OR OLD.disclosed_at IS DISTINCT FROM NEW.disclosed_at OR OLD.opted_out_at IS DISTINCT FROM NEW.opted_out_at
          OR OLD.paused_at IS DISTINCT FROM NEW.paused_at)
    EXECUTE FUNCTION audit_row('contact', 'id', 'bot_id,id', 'chat_id,disclosed_at,opted_out_at,paused_at', '');
CREATE TRIGGER audited_birth AFTER INSERT ON user_profiles FOR EACH ROW
    WHEN (NEW.disclosed_at IS NOT NULL OR NEW.opted_out_at IS NOT NULL OR NEW.paused_at IS NOT NULL)
    EXECUTE FUNCTION audit_row('contact', 'id', '', 'disclosed_at,opted_out_at,paused_at', '');
CREATE TRIGGER audited_end AFTER DELETE ON user_profiles FOR EACH ROW WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION audit_row('contact', 'id', '', '', '');

CREATE CONSTRAINT TRIGGER audited AFTER INSERT ON imports DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION audit_import();
CREATE TRIGGER audited_end AFTER DELETE ON imports FOR EACH ROW WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION audit_import();

-- Takes away what is older than the month in which the last `keep_days` days began (never fewer than 90), whole
-- partitions at a time; True: there was something. A chain only ever loses its beginning: a row that stands behind a
-- younger one, because the clock was turned, waits for that one. The entry about it repeats all checkpoints.
-- The lock that dropping needs waits for open transactions, and everybody else then waits for it: not for long.
CREATE FUNCTION drop_old_audit(keep_days integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' SET lock_timeout = '200ms' AS $$
DECLARE
    cutoff timestamptz := date_trunc('month', now() - make_interval(days => greatest(keep_days, 90)));
    month_table name;
    gone boolean;
BEGIN
    WITH kept AS (
        SELECT chain, min(seq) AS seq FROM public.audit WHERE timestamp >= cutoff AND timestamp <= now() GROUP BY chain),
    old AS (
        SELECT DISTINCT ON (a.chain) a.chain, a.seq, a.hash
        FROM public.audit a LEFT JOIN kept ON kept.chain = a.chain
        WHERE a.timestamp < cutoff AND (kept.seq IS NULL OR a.seq < kept.seq)
        ORDER BY a.chain, a.seq DESC)
    INSERT INTO public.audit_checkpoints (chain, seq, hash) SELECT chain, seq, hash FROM old
    ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq, hash = excluded.hash
    WHERE audit_checkpoints.seq < excluded.seq;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    FOR month_table IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'public.audit'::regclass AND c.relname ~ '^audit_y\d{4}m\d{2}$'
          AND to_date(c.relname, '"audit_y"YYYY"m"MM') + interval '1 month' <= cutoff
    LOOP
        EXECUTE format(
            'SELECT NOT EXISTS (SELECT 1 FROM public.%I a LEFT JOIN public.audit_checkpoints c ON c.chain = a.chain'
            ' WHERE a.seq > coalesce(c.seq, 0))', month_table) INTO gone;
        IF gone THEN
            EXECUTE format('DROP TABLE public.%I', month_table);
        END IF;
    END LOOP;
    DELETE FROM public.audit a USING public.audit_checkpoints c WHERE c.chain = a.chain AND a.seq <= c.seq;
    PERFORM public.audit_note('delete', 'audit', NULL, 'before ' || to_char(cutoff, 'YYYY-MM-DD'), NULL,
        (SELECT jsonb_object_agg(chain, jsonb_build_array(seq, encode(hash, 'hex'))) FROM public.audit_checkpoints));
    RETURN true;
END $$;

ALTER TABLE audit ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_chains ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_checkpoints ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON audit TO @api@;
CREATE POLICY api ON audit FOR SELECT TO @api@
    USING ((SELECT principal_sees_all()) OR bot_id = ANY ((SELECT principal_bots())::text[]));
-- For the heads that are written outside of the database.
GRANT SELECT ON audit_chains TO @supervisor@;
CREATE POLICY supervisor ON audit_chains TO @supervisor@ USING (true);
GRANT EXECUTE ON FUNCTION drop_old_audit(integer) TO @supervisor@;

-- As in 0001, with one parent more.
CREATE OR REPLACE FUNCTION ensure_month_partitions() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    parent text;
    month timestamptz;
    strays boolean;
BEGIN
    FOREACH parent IN ARRAY ARRAY['events', 'metrics_data', 'audit'] LOOP
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
