"""Turns: one decision per newest inbound message, and all that follows from it, in one statement (walk 1, step 4)."""

# ruff: noqa: S608 - only our own constants are put into statements, never a value

import random
from typing import Any

from sqlalchemy import text

from hanfleet.core.events import ReplyDecided
from hanfleet.core.messages import Author, Direction, MediaKind
from hanfleet.kit.identity import new_id
from hanfleet.store.connection import Connection, as_json
from hanfleet.store.records import Part, TurnDecision
from hanfleet.store.texts import text_field

# The conversation row is locked and looked at again: a newer inbound message changes newest_inbound under the same
# lock, and then nothing below happens. But for a decision that names what it answers: newer messages wait for a turn of
# their own then, if none of them opted out. An outgoing message has the id of its outbox row. What is put off in the
# chat already puts off the new parts too: they go out after it.
_COMMIT = text(f"""
    WITH talk AS (
        SELECT c.answered_through FROM conversations c
        JOIN user_profiles p ON p.bot_id = :bot_id AND p.chat_id = c.chat_id
        WHERE c.bot_id = :bot_id AND c.chat_id = :chat_id AND (c.newest_inbound = :newest
            OR CAST(:through AS uuid) IS NOT NULL AND p.opted_out_at IS NULL AND p.paused_at IS NULL)
        FOR UPDATE OF c),
    decided AS (
        INSERT INTO turns (bot_id, chat_id, newest_inbound, id, reason, model_ms, response_id, created_at)
        SELECT :bot_id, :chat_id, :newest, CAST(:turn AS uuid), :reason, :model_ms,
               CAST(:response_id AS text), :now
        FROM talk
        ON CONFLICT DO NOTHING RETURNING id),
    answered AS (
        UPDATE messages SET waiting = false, turn_id = :turn
        WHERE bot_id = :bot_id AND chat_id = :chat_id AND waiting AND EXISTS (SELECT 1 FROM decided)
          AND (CAST(:through AS uuid) IS NULL OR id <= CAST(:through AS uuid))
        RETURNING telegram_id),
    reach AS (
        SELECT greatest(answered_through, (SELECT max(telegram_id) FROM answered)) AS through FROM talk),
    counter AS (
        UPDATE bot_counters SET event_seq = event_seq + 1, outbox_seq = outbox_seq + CAST(:count AS integer)
        WHERE bot_id = :bot_id AND EXISTS (SELECT 1 FROM decided) RETURNING event_seq, outbox_seq),
    put_off AS (
        SELECT max(not_before) AS until FROM outbox
        WHERE bot_id = :bot_id AND chat_id = :chat_id AND state IN ('pending', 'sending')),
    parts AS (
        SELECT given.*, counter.outbox_seq - CAST(:count AS integer) + given.part + 1 AS position, reach.through
        FROM jsonb_to_recordset(CAST(:parts AS jsonb)) AS given
            (id uuid, part integer, kind text, text text, text_sealed text, random_id bigint,
             merge_wait_ms integer, read_wait_ms integer, typing_ms integer), counter, reach),
    queued AS (
        INSERT INTO outbox (bot_id, id, chat_id, turn_id, part, position, kind, text, text_sealed, random_id,
                            merge_wait_ms, read_wait_ms, typing_ms, answers, created_at, not_before)
        SELECT :bot_id, id, :chat_id, :turn, part, position, kind, text, decode(text_sealed, 'hex'), random_id,
               merge_wait_ms, read_wait_ms, typing_ms, through, :now, put_off.until FROM parts, put_off),
    written AS (
        INSERT INTO messages
            (bot_id, id, chat_id, direction, author, text, text_sealed, media, created_at, outbox_id, turn_id)
        SELECT :bot_id, id, :chat_id, '{Direction.OUT}', '{Author.BOT}', text, decode(text_sealed, 'hex'),
               '{MediaKind.NONE}', :now, id, :turn
        FROM parts),
    moved AS (
        UPDATE conversations SET answered_through = reach.through,
            reply_due_at = CASE WHEN newest_inbound <> :newest THEN reply_due_at END,
            waiting_since = CASE WHEN newest_inbound <> :newest THEN CAST(:now AS timestamptz) END,
            response_id = coalesce(:response_id, response_id), timestamp = :now
        FROM reach WHERE bot_id = :bot_id AND chat_id = :chat_id AND EXISTS (SELECT 1 FROM decided)),
    told AS (
        INSERT INTO events (id, type, version, source, bot_id, seq, data, correlation_id, timestamp)
        SELECT CAST(:event AS uuid), '{ReplyDecided.model_fields["type"].default}', 1, :source, :bot_id, event_seq,
               jsonb_build_object('bot_id', CAST(:bot_id AS text), 'chat_id', CAST(:chat_id AS bigint),
                                  'parts', CAST(:count AS integer)), :turn, :now FROM counter)
    SELECT EXISTS (SELECT 1 FROM decided)
        OR EXISTS (SELECT 1 FROM turns WHERE bot_id = :bot_id AND chat_id = :chat_id AND newest_inbound = :newest)""")


class Turns:
    def __init__(self, connection: Connection, rng: random.Random) -> None:
        self._connection = connection
        self._rng = rng

    async def commit(self, bot_id: str, decision: TurnDecision) -> bool:
        """Write the decision: outbox and message rows, ``answered_through``, an empty ``reply_due_at``, ReplyDecided.

        True: a turn for ``decision.newest_inbound`` stands, this one or, after a crash, the one that was committed
        before; then this decision is dropped and nothing is written twice. False: a newer message arrived, ``through``
        does not leave it to a later turn, and nothing was written; the conversation is due again by itself, so load it
        and decide anew.
        """
        now = self._connection.clock.now()
        parts = [self._as_row(part, place) for place, part in enumerate(decision.parts)]
        return bool(
            await self._connection.value(
                _COMMIT,
                bot_id=bot_id,
                chat_id=decision.chat_id,
                newest=decision.newest_inbound,
                turn=new_id(),
                reason=decision.reason,
                model_ms=decision.model_ms,
                response_id=decision.response_id,
                parts=as_json(parts),
                count=len(parts),
                event=new_id(),
                source=self._connection.principal.source,
                now=now,
                through=decision.through,
            )
        )

    def _as_row(self, part: Part, place: int) -> dict[str, Any]:
        part_id = new_id()
        kept = self._connection.texts.keep(text_field(part_id), part.text)
        text_columns = {"text": kept.clear, "text_sealed": kept.sealed}
        return {**vars(part), **text_columns, "part": place, "id": part_id, "random_id": self._random_id()}

    def _random_id(self) -> int:
        """Signed 64 bits, as messages.sendMessage takes it; never 0, which some servers read as none."""
        return (self._rng.getrandbits(64) - 2**63) or 1
