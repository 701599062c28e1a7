"""Accounts, messages and changes as TL objects, seen through the eyes of one account.

Access hashes, phone numbers and languages differ by viewer. A flag that is off is given as None or False, never 0:
Telethon's writers count a 0 as set.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from hanfleet.sandbox.telegram.accounts import Account, Accounts
from hanfleet.sandbox.telegram.letters import Change, ChangeKind, Letter
from hanfleet.sandbox.telegram.mailbox import Mailbox
from hanfleet.sandbox.telegram.tl import decode_vector, parse, types


def moment(seconds: float) -> datetime:
    """A TL date."""
    return datetime.fromtimestamp(int(seconds), UTC)


Tl = Any
"""A TL object on its way out: Telethon names its constructors, not their common types."""


def peer_of(account_id: int) -> Tl:
    return types.PeerUser(user_id=account_id)


class Views:
    """Makes what a viewer is shown."""

    def __init__(self, accounts: Accounts, mailbox: Mailbox) -> None:
        self._accounts = accounts
        self._mailbox = mailbox

    def user(self, viewer: Account, target: Account) -> Tl:
        """A user or a bot; the viewer's own phone is shown, other people's only to those who have them as contacts."""
        itself = viewer.id == target.id
        contact = False
        if not (itself or viewer.is_bot or target.is_bot):
            marks = self._mailbox.marks(viewer.id, target.id)
            contact = marks is not None and marks.contact
        return types.User(
            id=target.id,
            is_self=itself,
            contact=contact,
            bot=target.is_bot,
            bot_info_version=1 if target.is_bot else None,
            access_hash=self._accounts.access_hash(viewer.id, target.id),
            first_name=target.first_name,
            last_name=target.last_name,
            username=target.username,
            phone=target.phone if itself or contact else None,
            status=None if target.is_bot else types.UserStatusRecently(),
            lang_code=target.language_code if viewer.is_bot and not target.is_bot else None,
        )

    def users(self, viewer: Account, ids: Iterable[int]) -> list[Tl]:
        """Those of ``ids`` that exist, each once."""
        found = (self._accounts.get(account_id) for account_id in dict.fromkeys(ids))
        return [self.user(viewer, account) for account in found if account]

    def message(self, letter: Letter) -> Tl:
        """A message as its box shows it. Private messages that came in carry no from_id."""
        reply = None
        if letter.reply_to is not None:
            reply = types.MessageReplyHeader(reply_to_msg_id=letter.reply_to)
        return types.Message(
            id=letter.id,
            peer_id=peer_of(letter.peer_id),
            from_id=peer_of(letter.account_id) if letter.out else None,
            out=letter.out,
            date=moment(letter.date),
            message=letter.text,
            reply_to=reply,
            entities=decode_vector(letter.entities),
            reply_markup=parse(letter.markup) if letter.markup else None,
            edit_date=moment(letter.edit_date) if letter.edit_date else None,
        )

    def update(self, change: Change) -> Tl | None:
        """A change as an update; None for a message that was deleted since."""
        match change.kind:
            case ChangeKind.NEW if change.letter:
                return types.UpdateNewMessage(self.message(change.letter), change.pts, change.pts_count)
            case ChangeKind.EDITED if change.letter:
                return types.UpdateEditMessage(self.message(change.letter), change.pts, change.pts_count)
            case ChangeKind.DELETED:
                return types.UpdateDeleteMessages(list(change.ids), change.pts, change.pts_count)
            case ChangeKind.READ_INBOX:
                return types.UpdateReadHistoryInbox(
                    peer=peer_of(change.peer_id or 0),
                    max_id=change.message_id or 0,
                    still_unread_count=change.unread or 0,
                    pts=change.pts,
                    pts_count=change.pts_count,
                )
            case ChangeKind.READ_OUTBOX:
                peer, max_id = peer_of(change.peer_id or 0), change.message_id or 0
                return types.UpdateReadHistoryOutbox(peer, max_id, change.pts, change.pts_count)
            case _:
                return None

    def updates(self, viewer: Account, changes: Iterable[Change], now: float) -> Tl:
        """Changes of the viewer's box as one ``updates``, with everyone whom they name."""
        told = list(changes)
        updates = [update for change in told if (update := self.update(change))]
        people = self.users(viewer, [i for change in told for i in (change.peer_id, viewer.id) if i])
        return types.Updates(updates=updates, users=people, chats=[], date=moment(now), seq=0)
