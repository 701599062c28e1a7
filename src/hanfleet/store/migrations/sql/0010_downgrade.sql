DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'messages_words'::regclass LOOP
        EXECUTE format('ALTER INDEX %s SET (gin_pending_list_limit = 64)', part); -- kB
    END LOOP;
END $$;
