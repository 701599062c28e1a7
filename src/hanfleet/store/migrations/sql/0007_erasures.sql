-- Erasing one contact, whole, and what is remembered of it: that it was done, when and by whom, and nothing of the person.

CREATE TABLE erasures (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('contact', 'bot')),
    bot_id text NOT NULL,                -- by value: the row outlives its bot
    contact_id uuid,                     -- user_profiles.id, as in the audit trail
    mark bytea NOT NULL,                 -- as in the ledger outside the database, under a key that is not here
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    rows_gone_at timestamptz,
    counts jsonb NOT NULL DEFAULT '{}',  -- how many rows went from which table
    echo_from timestamptz,               -- when the bot wrote to the contact: Telegram may tell of that once more
    echo_until timestamptz,
    done_at timestamptz,                 -- the bus and its file hold nothing more either
    CHECK (kind = 'contact' OR (contact_id IS NULL)),
    CHECK ((echo_from IS NULL) = (echo_until IS NULL))
);
CREATE UNIQUE INDEX erasures_pending ON erasures (mark) WHERE done_at IS NULL;
CREATE INDEX erasures_echoes ON erasures (bot_id, echo_until) WHERE echo_until IS NOT NULL;

ALTER TABLE erasures ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE (rows_gone_at, counts, echo_from, echo_until, done_at) ON erasures TO @api@;
CREATE POLICY api ON erasures TO @api@
    USING ((SELECT principal_sees_all()) OR bot_id = ANY ((SELECT principal_bots())::text[]));
GRANT UPDATE (kept) ON imports TO @api@;

CREATE TRIGGER audited
    AFTER INSERT OR DELETE OR UPDATE OF id, kind, bot_id, contact_id, mark, requested_by, requested_at ON erasures
    FOR EACH ROW
    EXECUTE FUNCTION audit_row('erasure', 'id', 'id,kind,bot_id,contact_id,requested_by,requested_at', '', 'mark');

-- Every table that has both columns is about contacts, those of later migrations too: none has to be remembered here.
CREATE FUNCTION contact_tables() RETURNS SETOF name
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND (SELECT count(*) FROM pg_attribute a
           WHERE a.attrelid = c.oid AND a.attname IN ('bot_id', 'chat_id') AND NOT a.attisdropped) = 2
    ORDER BY c.relname = 'user_profiles' DESC, c.relname;
END;

-- All rows about one contact, as jsonb, table by table in the order in which they came to be: each through a cursor, for
-- they may be more than memory holds, and all as they stand now. This function and the next run as the owner, whom no
-- policy binds. Other texts of the bot that happen to name the chat are not rows about the contact, and not among them.
CREATE FUNCTION contact_rows(p_bot_id text, p_chat_id bigint) RETURNS TABLE (relation name, opened refcursor)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    sorting text;
BEGIN
    IF NOT (principal_sees_all() OR p_bot_id = ANY (principal_bots())) THEN
        RAISE EXCEPTION 'this principal has no grant for the bot' USING ERRCODE = 'insufficient_privilege';
    END IF;
    FOR relation IN SELECT contact_tables() LOOP
        -- Ids of messages are the order of the talk.
        SELECT coalesce(string_agg(format('%I', name), ', ' ORDER BY place), '1') INTO sorting
        FROM unnest(CASE relation WHEN 'messages' THEN '{id}' ELSE '{seq, position, created_at, timestamp, id}' END::name[])
             WITH ORDINALITY AS wanted (name, place)
        JOIN pg_attribute ON attrelid = format('public.%I', relation)::regclass AND attname = name AND NOT attisdropped;
        opened := 'contact_' || relation;
        OPEN opened FOR EXECUTE format(
            'SELECT to_jsonb(s) FROM (SELECT * FROM public.%I t WHERE bot_id = $1 AND chat_id = $2 ORDER BY %s) s',
            relation, sorting) USING p_bot_id, p_chat_id;
        RETURN NEXT;
    END LOOP;
    relation := 'session_entities';
    opened := 'contact_session_entities';
    OPEN opened FOR SELECT to_jsonb(t) FROM session_entities t WHERE bot_id = p_bot_id AND entity_id = p_chat_id;
    RETURN NEXT;
    relation := 'events';
    opened := 'contact_events';
    OPEN opened FOR SELECT to_jsonb(t) FROM events t WHERE bot_id = p_bot_id AND data ->> 'chat_id' = p_chat_id::text
                    ORDER BY seq;
    RETURN NEXT;
END $$;

-- Deletes them and gives how many went: {table: count}. Where another text of the bot names the chat, the number goes.
CREATE FUNCTION erase_contact_rows(p_bot_id text, p_chat_id bigint) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    relation name;
    number bigint;
    gone jsonb := '{}';
    named text := '\y' || p_chat_id || '\y';
BEGIN
    IF NOT (principal_sees_all() OR p_bot_id = ANY (principal_bots())) THEN
        RAISE EXCEPTION 'this principal has no grant for the bot' USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- The contact first, so that nobody adds to it meanwhile; counted before, for one deletion brings on the others.
    PERFORM 1 FROM user_profiles WHERE bot_id = p_bot_id AND chat_id = p_chat_id FOR UPDATE;
    FOR relation IN SELECT contact_tables() LOOP
        EXECUTE format('SELECT count(*) FROM public.%I WHERE bot_id = $1 AND chat_id = $2', relation)
            INTO number USING p_bot_id, p_chat_id;
        gone := gone || jsonb_build_object(relation, number);
    END LOOP;
    FOR relation IN SELECT contact_tables() LOOP
        EXECUTE format('DELETE FROM public.%I WHERE bot_id = $1 AND chat_id = $2', relation)
            USING p_bot_id, p_chat_id;
    END LOOP;
    DELETE FROM session_entities WHERE bot_id = p_bot_id AND entity_id = p_chat_id;
    GET DIAGNOSTICS number = ROW_COUNT;
    gone := gone || jsonb_build_object('session_entities', number);
    DELETE FROM events WHERE bot_id = p_bot_id AND data ->> 'chat_id' = p_chat_id::text;
    GET DIAGNOSTICS number = ROW_COUNT;
    gone := gone || jsonb_build_object('events', number);
    UPDATE events e SET data = (
        SELECT jsonb_object_agg(key, CASE jsonb_typeof(value)
            WHEN 'string' THEN to_jsonb(regexp_replace(value #>> '{}', named, '…', 'g')) ELSE value END)
        FROM jsonb_each(e.data))
    -- Sentences are in the few events of the other families.
    WHERE bot_id = p_bot_id AND split_part(type, '.', 1) NOT IN ('user', 'profile') AND data::text ~ named;
    UPDATE bots SET status_reason = regexp_replace(status_reason, named, '…', 'g')
    WHERE bot_id = p_bot_id AND status_reason ~ named;
    UPDATE alerts SET detail = regexp_replace(detail, named, '…', 'g') WHERE bot_id = p_bot_id AND detail ~ named;
    RETURN gone;
END $$;

-- Telegram tells an account of its own messages. One to a contact who was erased since would look like one that the
-- owner typed to somebody new, and would bring the contact back. This says only that it may be such a one.
CREATE FUNCTION may_be_echo(p_sent_at timestamptz) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT EXISTS (SELECT 1 FROM erasures WHERE bot_id = my_bot() AND p_sent_at BETWEEN echo_from AND echo_until);
END;

GRANT EXECUTE ON FUNCTION contact_rows(text, bigint), erase_contact_rows(text, bigint) TO @api@;
GRANT EXECUTE ON FUNCTION may_be_echo(timestamptz) TO @bots@;

-- When the bot came back from a backup. What the account wrote before is the bot's own, though no row here knows it; the
-- owner's moment, so bots may read and never write it.
ALTER TABLE sessions ADD COLUMN restored_at timestamptz;
REVOKE INSERT ON sessions FROM @bots@;
GRANT INSERT (bot_id, telegram_user_id, is_bot, dc_id, server_address, port, auth_key_sealed, pts, qts, date, seq,
              updated_at) ON sessions TO @bots@;
