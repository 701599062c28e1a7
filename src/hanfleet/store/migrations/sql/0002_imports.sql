-- What an import of the old bot's data brought, so that exactly that can be taken back. Imported messages need no mark
-- of their own: their ids begin with 48 zero bits, where those of living messages have a time.

CREATE TABLE imports (
    id uuid PRIMARY KEY,
    bot_id text NOT NULL REFERENCES bots ON DELETE CASCADE,
    made_bot boolean NOT NULL,
    counts jsonb NOT NULL DEFAULT '{}', -- how many of each kind it brought
    kept jsonb NOT NULL DEFAULT '{}',   -- what has no place of its own here, as it was found
    started_at timestamptz NOT NULL
);
CREATE INDEX imports_of_bot ON imports (bot_id, started_at);

CREATE TABLE imported (
    bot_id text NOT NULL REFERENCES bots ON DELETE CASCADE,
    import_id uuid NOT NULL REFERENCES imports ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('contact', 'facts', 'conversation', 'messages', 'session')),
    chat_id bigint NOT NULL DEFAULT 0,
    brought jsonb NOT NULL DEFAULT '{}', -- the values that it wrote: what is still like this may be taken back
    PRIMARY KEY (bot_id, import_id, kind, chat_id)
);
CREATE INDEX imported_of_import ON imported (import_id);

ALTER TABLE imports ENABLE ROW LEVEL SECURITY;
ALTER TABLE imported ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON imports TO @api@;
CREATE POLICY api ON imports TO @api@ USING (coalesce(current_setting('hanfleet.principal', true), '') <> '');
