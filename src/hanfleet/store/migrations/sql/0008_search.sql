-- Search that stays quick where a bot has hundreds of thousands of messages.
--
-- The index of words knows neither bot nor time, so of a word that stands in most texts it finds most rows of all bots
-- in the partition, to be put in order for a page of fifty. Such a word is among the newest texts often enough, which
-- are read without it; what is rarer is looked up among the newest by both indexes; and only what is rare altogether by
-- the words alone.
CREATE OR REPLACE FUNCTION search_messages(p_bot_id text, p_query text, p_limit integer, p_before uuid)
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50 SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    c_read CONSTANT integer := 1000;
    c_newest CONSTANT integer := 20000;
    words CONSTANT tsquery := websearch_to_tsquery('pg_catalog.russian', p_query);
    before CONSTANT uuid := coalesce(p_before, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    wanted CONSTANT integer := least(p_limit, 500);
    oldest uuid;
    found_ids uuid[];
BEGIN
    IF numnode(words) = 0 OR NOT (principal_sees_all() OR p_bot_id = ANY (principal_bots())) THEN
        RETURN;
    END IF;

    found_ids := ARRAY(
        SELECT newest.id FROM (
            SELECT m.id, m.text, m.deleted_at FROM messages m WHERE m.bot_id = p_bot_id AND m.id < before
            ORDER BY m.id DESC LIMIT c_read) AS newest
        WHERE newest.text <> '' AND newest.deleted_at IS NULL
          AND to_tsvector('pg_catalog.russian', newest.text) @@ words
        ORDER BY newest.id DESC LIMIT wanted);
    IF cardinality(found_ids) >= wanted THEN
        RETURN QUERY SELECT unnest(found_ids);
        RETURN;
    END IF;

    SELECT m.id INTO oldest FROM messages m WHERE m.bot_id = p_bot_id AND m.id < before
    ORDER BY m.id DESC OFFSET c_newest LIMIT 1;
    IF FOUND THEN
        found_ids := ARRAY(
            SELECT m.id FROM messages m
            WHERE m.bot_id = p_bot_id AND m.id >= oldest AND m.id < before AND m.text <> '' AND m.deleted_at IS NULL
              AND to_tsvector('pg_catalog.russian', m.text) @@ words
            ORDER BY m.id DESC LIMIT wanted);
        IF cardinality(found_ids) >= wanted THEN
            RETURN QUERY SELECT unnest(found_ids);
            RETURN;
        END IF;
    END IF;

    -- In two steps, or the planner might walk through all of the bot's messages in their order, for the limit's sake.
    RETURN QUERY
        WITH found AS MATERIALIZED (
            SELECT m.id FROM messages m
            WHERE m.bot_id = p_bot_id AND m.text <> '' AND m.deleted_at IS NULL
              AND to_tsvector('pg_catalog.russian', m.text) @@ words)
        SELECT found.id FROM found WHERE found.id < before ORDER BY found.id DESC LIMIT wanted;
END $$;
