"""The offline Telegram behind the protocol: its data, its post office, its faults, and who is told what.

Used by the methods of clients and by the control interface alike, from one thread.
"""

import secrets
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from hanfleet.kit.logging import get_logger
from hanfleet.sandbox.telegram.accounts import Account, Accounts
from hanfleet.sandbox.telegram.database import Database
from hanfleet.sandbox.telegram.difference import Differences
from hanfleet.sandbox.telegram.errors import RpcRefusedError
from hanfleet.sandbox.telegram.faults import AT_ONCE, Fault, FaultKind, Faults
from hanfleet.sandbox.telegram.keys import AuthKey, KeyRing
from hanfleet.sandbox.telegram.letters import Change
from hanfleet.sandbox.telegram.mailbox import Mailbox
from hanfleet.sandbox.telegram.post import Post
from hanfleet.sandbox.telegram.session import Session
from hanfleet.sandbox.telegram.tl import TLObject, types
from hanfleet.sandbox.telegram.views import Views, moment

_log = get_logger(__name__)


class Telegram:
    """Everything that one sandbox knows."""

    def __init__(
        self, database: Database, *, dc_id: int, address: tuple[str, int], now: Callable[[], float] = time.time
    ) -> None:
        self.database = database
        self.now = now
        self.dc_id = dc_id
        self.address = address
        self.accounts = Accounts(database, _hash_secret(database))
        self.keys = KeyRing(database)
        self.mailbox = Mailbox(database)
        self.post = Post(database, self.accounts, self.mailbox, now)
        self.views = Views(self.accounts, self.mailbox)
        self.differences = Differences(self.mailbox, self.views, now)
        self.faults = Faults()
        self.on_drop: Callable[[list[AuthKey] | None], int] = lambda _keys: 0

    def publish(self, changes: Iterable[Change], *, besides: Session | None = None) -> None:
        """Push committed changes to every session of the accounts whose boxes they changed."""
        for change in changes:
            viewer = self.accounts.get(change.account_id)
            if viewer is not None:
                self._push(viewer, partial(self.views.updates, viewer, [change], self.now()), besides)

    def publish_typing(self, typist: Account, receiver: Account, action: Any = None) -> None:
        """Tell a person that somebody types to them; bots are never told, and strangers' typing is dropped."""
        if receiver.is_bot or receiver.id == typist.id or self.mailbox.marks(receiver.id, typist.id) is None:
            return
        update = types.UpdateUserTyping(typist.id, action or types.SendMessageTypingAction())
        self._push(receiver, lambda: types.UpdateShort(update, moment(self.now())), None)

    def _push(self, viewer: Account, make: Callable[[], TLObject], besides: Session | None) -> None:
        sessions = [session for key in self.keys.of_account(viewer.id) for session in key.sessions.values()]
        told = [session for session in sessions if session.wants_pushes and session is not besides]
        if not told or self.faults.take((FaultKind.SUPPRESS_PUSHES,), viewer.id):
            return
        body = bytes(make())
        for session in told:
            session.send(body, is_answer=False)

    def order_fault(self, fault: Fault) -> Fault:
        """Take a fault; what strikes connections and keys does so at once."""
        if fault.kind not in AT_ONCE:
            return self.faults.add(fault)
        keys = None if fault.account_id is None else self.keys.of_account(fault.account_id)
        if fault.kind is FaultKind.DROP_CONNECTIONS:
            self.on_drop(keys)
        else:
            for key in self.keys if keys is None else keys:
                if fault.kind is FaultKind.ROTATE_SALT:
                    self.keys.rotate_salt(key)
                else:
                    self.keys.forget(key)
        fault.remaining = 0
        return self.faults.add(fault)

    def revoke_duplicated(self, key: AuthKey) -> None:
        """Do what Telegram does when it sees one key twice: log it out and answer 406 from then on."""
        _log.warning("a key is revoked: it was used by two connections at once", key_id=key.id)
        self.keys.log_out(key, "AUTH_KEY_DUPLICATED")

    def note_unknown(self, method: str) -> None:
        """Log and count a request for something that is not built."""
        _log.warning("a client asks for a method that the sandbox does not have", method=method)
        self.database.count("unknown_methods")

    def find(self, who: int | str) -> Account | None:
        """An account by its id or username."""
        if isinstance(who, int) or who.isdecimal():
            return self.accounts.get(int(who))
        return self.accounts.by_username(who)

    def new_code(self, phone: str) -> str:
        """Make a log-in code for a phone number, in place of an older one; gives its hash."""
        code, code_hash = f"{secrets.randbelow(100_000):05d}", secrets.token_hex(9)
        statement = "INSERT OR REPLACE INTO codes VALUES (?, ?, ?)"
        self.database.execute(statement, (phone, code, code_hash))
        return code_hash

    def code_of(self, phone: str) -> tuple[str, str] | None:
        """The newest code and its hash, or None."""
        row = self.database.execute("SELECT code, hash FROM codes WHERE phone = ?", (phone,)).fetchone()
        return None if row is None else (row["code"], row["hash"])

    def use_up_code(self, phone: str) -> None:
        self.database.execute("DELETE FROM codes WHERE phone = ?", (phone,))

    def addressed(self, viewer: Account, user_id: int, access_hash: int) -> Account:
        """The account that an input peer means. Raises PEER_ID_INVALID when the viewer may not address it.

        A bot may leave out the hash (0) of those who wrote to it.
        """
        target = self.accounts.get(user_id)
        if target is None:
            raise RpcRefusedError("PEER_ID_INVALID")
        known = viewer.is_bot and access_hash == 0 and self.mailbox.marks(viewer.id, user_id) is not None
        if user_id != viewer.id and not known and access_hash != self.accounts.access_hash(viewer.id, user_id):
            raise RpcRefusedError("PEER_ID_INVALID")
        return target


def _hash_secret(database: Database) -> bytes:
    stored = database.fact("access_hash_secret")
    if stored is None:
        stored = secrets.token_hex(32)
        database.set_fact("access_hash_secret", stored)
    return bytes.fromhex(stored)
