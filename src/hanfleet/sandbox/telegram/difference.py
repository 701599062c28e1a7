"""updates.getDifference: what an account missed since a pts, in slices, or that it missed too much."""

from collections.abc import Callable
from typing import Any, Final

from hanfleet.sandbox.telegram.accounts import Account
from hanfleet.sandbox.telegram.letters import Change, ChangeKind
from hanfleet.sandbox.telegram.mailbox import Mailbox
from hanfleet.sandbox.telegram.tl import TLObject, types
from hanfleet.sandbox.telegram.views import Views, moment

SLICE: Final = 100
_SEQ: Final = 1


class Differences:
    """States and differences of accounts."""

    def __init__(self, mailbox: Mailbox, views: Views, now: Callable[[], float]) -> None:
        self._mailbox = mailbox
        self._views = views
        self._now = now

    def state(self, account: Account, pts: int | None = None) -> Any:
        """updates.state as of now, or as of an earlier pts."""
        current = self._mailbox.pts(account.id) if pts is None else pts
        return types.updates.State(pts=current, qts=0, date=moment(self._now()), seq=_SEQ, unread_count=0)

    def since(self, account: Account, pts: int, most: int | None) -> TLObject:
        """What came after ``pts``. ``most`` is the client's pts_total_limit: more than that is too long."""
        current = self._mailbox.pts(account.id)
        if pts >= current:
            return types.updates.DifferenceEmpty(date=moment(self._now()), seq=_SEQ)
        if most and current - pts > most:
            return self.too_long(account)
        changes = self._mailbox.changes(account.id, pts, SLICE)
        parts = self._parts(account, changes)
        reached = changes[-1].pts
        if reached < current:
            return types.updates.DifferenceSlice(**parts, intermediate_state=self.state(account, reached))
        return types.updates.Difference(**parts, state=self.state(account))

    def too_long(self, account: Account) -> TLObject:
        """The answer that sends a client to its dialogs and histories."""
        return types.updates.DifferenceTooLong(pts=self._mailbox.pts(account.id))

    def _parts(self, account: Account, changes: list[Change]) -> dict[str, Any]:
        new = [change.letter for change in changes if change.kind is ChangeKind.NEW and change.letter]
        rest = (self._views.update(change) for change in changes if change.kind is not ChangeKind.NEW)
        return {
            "new_messages": [self._views.message(letter) for letter in new],
            "new_encrypted_messages": [],
            "other_updates": [update for update in rest if update],
            "chats": [],
            "users": self._views.users(account, [i for c in changes for i in (c.peer_id, account.id) if i]),
        }
