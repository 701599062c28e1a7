"""What people and bots do to messages: send, edit, delete, read. The same for clients and for the control interface.

Each act is one transaction, refuses what Telegram refuses with Telegram's words, and gives the changes of all boxes
that it touched, so that they can be pushed after the commit.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from hanfleet.sandbox.telegram.accounts import Account, Accounts
from hanfleet.sandbox.telegram.database import Database
from hanfleet.sandbox.telegram.errors import RpcRefusedError
from hanfleet.sandbox.telegram.letters import Change, ChangeKind, Letter
from hanfleet.sandbox.telegram.mailbox import Mailbox

LONGEST_TEXT: Final = 4096


@dataclass(frozen=True, slots=True)
class Draft:
    """A text to be sent; ``entities`` and ``markup`` are TL bytes, ``reply_to`` an id in the sender's box."""

    text: str
    entities: bytes | None = None
    markup: bytes | None = None
    reply_to: int | None = None
    random_id: int | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What an act changed: ``own`` in the box of who acted (None when nothing moved), ``others`` elsewhere."""

    own: Change | None
    others: tuple[Change, ...] = ()

    @property
    def all(self) -> tuple[Change, ...]:
        return self.others if self.own is None else (self.own, *self.others)


class Post:
    """The post office between all boxes."""

    def __init__(self, database: Database, accounts: Accounts, mailbox: Mailbox, now: Callable[[], float]) -> None:
        self._database = database
        self._accounts = accounts
        self._mailbox = mailbox
        self._now = now

    def send(self, sender: Account, receiver: Account, draft: Draft) -> Done:
        """Send a text. A ``random_id`` that this account used before is refused with RANDOM_ID_DUPLICATE."""
        text = _checked(draft.text if draft.entities else draft.text.strip())
        with self._database.transaction():
            self._refuse_duplicate(sender, draft.random_id)
            delivered = self._may_write(sender, receiver)
            self._mailbox.meet(sender.id, receiver.id)
            pts, message_id = self._mailbox.next_ids(sender.id, sends=1)
            letter = Letter(
                account_id=sender.id,
                id=message_id,
                peer_id=receiver.id,
                out=True,
                text=text,
                entities=draft.entities,
                markup=draft.markup,
                reply_to=draft.reply_to,
                date=int(self._now()),
                edit_date=None,
                origin_account=sender.id,
                origin_id=message_id,
            )
            own = self._deliver(letter, pts)
            if draft.random_id is not None:
                values = (sender.id, draft.random_id, message_id)
                self._database.execute("INSERT INTO random_ids VALUES (?, ?, ?)", values)
            others = (self._deliver_copy(letter, receiver),) if delivered and receiver.id != sender.id else ()
            self._database.count("messages_sent")
        return Done(own, others)

    def _refuse_duplicate(self, sender: Account, random_id: int | None) -> None:
        statement = "SELECT 1 FROM random_ids WHERE account_id = ? AND random_id = ?"
        if random_id is not None and self._database.execute(statement, (sender.id, random_id)).fetchone():
            raise RpcRefusedError("RANDOM_ID_DUPLICATE")

    def _may_write(self, sender: Account, receiver: Account) -> bool:
        """Whether the receiver gets a copy. Raises when Telegram refuses the message outright."""
        theirs = self._mailbox.marks(receiver.id, sender.id)
        mine = self._mailbox.marks(sender.id, receiver.id)
        if mine and mine.blocked:
            raise RpcRefusedError("YOU_BLOCKED_USER")
        if sender.is_bot and sender.id != receiver.id:
            if receiver.is_bot:
                raise RpcRefusedError("USER_IS_BOT")
            if mine is None:
                # The person never started this bot.
                raise RpcRefusedError("PEER_ID_INVALID")
            if theirs and theirs.blocked:
                raise RpcRefusedError("USER_IS_BLOCKED")
        # A person who was blocked by another one is not told.
        return not (theirs and theirs.blocked)

    def _deliver(self, letter: Letter, pts: int) -> Change:
        self._mailbox.put(letter)
        change = Change(
            account_id=letter.account_id,
            pts=pts,
            pts_count=1,
            kind=ChangeKind.NEW,
            peer_id=letter.peer_id,
            message_id=letter.id,
            letter=letter,
        )
        return self._mailbox.record(change)

    def _deliver_copy(self, letter: Letter, receiver: Account) -> Change:
        pts, message_id = self._mailbox.next_ids(receiver.id, sends=0)
        reply_to = None
        if letter.reply_to is not None:
            answered = self._mailbox.letter(letter.account_id, letter.reply_to)
            copies = self._mailbox.copies(answered) if answered else []
            reply_to = next((copy.id for copy in copies if copy.account_id == receiver.id), None)
        copy = replace(
            letter, account_id=receiver.id, id=message_id, peer_id=letter.account_id, out=False, reply_to=reply_to
        )
        return self._deliver(copy, pts)

    def edit(self, editor: Account, message_id: int, draft: Draft) -> Done:
        """Give an own message another text, in every box that still has it."""
        text = _checked(draft.text if draft.entities else draft.text.strip())
        with self._database.transaction():
            letter = self._mailbox.letter(editor.id, message_id)
            if letter is None:
                raise RpcRefusedError("MESSAGE_ID_INVALID")
            if not letter.out:
                raise RpcRefusedError("MESSAGE_AUTHOR_REQUIRED")
            if (letter.text, letter.entities, letter.markup) == (text, draft.entities, draft.markup):
                raise RpcRefusedError("MESSAGE_NOT_MODIFIED")
            self._database.execute(
                "UPDATE messages SET text = ?, entities = ?, markup = ?, edit_date = ?"
                " WHERE origin_account = ? AND origin_id = ?",
                (text, draft.entities, draft.markup, int(self._now()), letter.origin_account, letter.origin_id),
            )
            changes = [self._edited(copy) for copy in self._mailbox.copies(letter)]
        return _split(editor, changes)

    def _edited(self, copy: Letter) -> Change:
        change = Change(
            account_id=copy.account_id,
            pts=self._mailbox.advance(copy.account_id, 1),
            pts_count=1,
            kind=ChangeKind.EDITED,
            peer_id=copy.peer_id,
            message_id=copy.id,
            letter=copy,
        )
        return self._mailbox.record(change)

    def delete(self, actor: Account, message_ids: list[int], *, revoke: bool) -> Done:
        """Delete messages from the own box, with ``revoke`` from every box. Unknown ids are passed over."""
        doomed: dict[int, list[int]] = {}
        with self._database.transaction():
            for message_id in dict.fromkeys(message_ids):
                letter = self._mailbox.letter(actor.id, message_id)
                if letter is None:
                    continue
                for copy in self._mailbox.copies(letter) if revoke else [letter]:
                    doomed.setdefault(copy.account_id, []).append(copy.id)
            changes = [self._deleted(account_id, ids) for account_id, ids in doomed.items()]
        return _split(actor, changes)

    def _deleted(self, account_id: int, ids: list[int]) -> Change:
        for message_id in ids:
            self._database.execute("DELETE FROM messages WHERE account_id = ? AND id = ?", (account_id, message_id))
        change = Change(
            account_id=account_id,
            pts=self._mailbox.advance(account_id, len(ids)),
            pts_count=len(ids),
            kind=ChangeKind.DELETED,
            ids=tuple(ids),
        )
        return self._mailbox.record(change)

    def read(self, reader: Account, peer: Account, max_id: int) -> Done:
        """Mark what the peer wrote as read, up to ``max_id`` of the reader's box (0: all). Only people are told."""
        statement = (
            "SELECT max(id) AS mine, max(origin_id) AS theirs FROM messages"
            " WHERE account_id = ? AND peer_id = ? AND out = 0 AND id <= ?"
        )
        bound = max_id if max_id > 0 else 2**31 - 1
        with self._database.transaction():
            row = self._database.execute(statement, (reader.id, peer.id, bound)).fetchone()
            marks = self._mailbox.marks(reader.id, peer.id)
            if row["mine"] is None or marks is None or row["mine"] <= marks.read_inbox:
                return Done(None)
            self._mailbox.set_mark(reader.id, peer.id, "read_inbox", row["mine"])
            own = self._read_change(reader.id, peer.id, ChangeKind.READ_INBOX, row["mine"])
            if peer.id == reader.id:
                return Done(own)
            self._mailbox.set_mark(peer.id, reader.id, "read_outbox", row["theirs"])
            if peer.is_bot:
                return Done(own)
            return Done(own, (self._read_change(peer.id, reader.id, ChangeKind.READ_OUTBOX, row["theirs"]),))

    def _read_change(self, account_id: int, peer_id: int, kind: ChangeKind, max_id: int) -> Change:
        change = Change(
            account_id=account_id,
            pts=self._mailbox.advance(account_id, 1),
            pts_count=1,
            kind=kind,
            peer_id=peer_id,
            message_id=max_id,
            unread=self._mailbox.unread(account_id, peer_id) if kind is ChangeKind.READ_INBOX else None,
        )
        return self._mailbox.record(change)


def _checked(text: str) -> str:
    if not text.strip():
        raise RpcRefusedError("MESSAGE_EMPTY")
    if len(text.encode("utf-16-le")) // 2 > LONGEST_TEXT:
        raise RpcRefusedError("MESSAGE_TOO_LONG")
    return text


def _split(actor: Account, changes: list[Change]) -> Done:
    own = next((change for change in changes if change.account_id == actor.id), None)
    return Done(own, tuple(change for change in changes if change is not own))
