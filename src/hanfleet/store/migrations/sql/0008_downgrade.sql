CREATE OR REPLACE FUNCTION search_messages(p_bot_id text, p_query text, p_limit integer, p_before uuid) RETURNS SETOF uuid
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
