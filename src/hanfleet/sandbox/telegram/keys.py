"""Authorisation keys: who is logged in with which, their salts, and how many connections used one at a time.

A connection counts for a key from the first message that it carried while the key was logged in, until the client
closed it. The greatest count ever is kept with the data: two at once is what makes Telegram revoke a key.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from hanfleet.sandbox.telegram.cipher import key_id_of
from hanfleet.sandbox.telegram.database import Database
from hanfleet.sandbox.telegram.session import Session
from hanfleet.sandbox.telegram.srp import Challenge


class CountedLink(Protocol):
    """A TCP connection, as far as it is counted."""

    def is_left_by_client(self) -> bool:
        """Whether the client has closed its end, though the server may not have read so far."""
        ...


@dataclass(slots=True, eq=False)
class AuthKey:
    """One key. ``pending_account_id`` has shown a right code and still owes its password.

    ``refusal`` is what a key that speaks for nobody is told.
    """

    id: int
    secret: bytes
    salt: int
    layer: int | None = None
    account_id: int | None = None
    pending_account_id: int | None = None
    max_connections: int = 0
    sessions: dict[int, Session] = field(default_factory=dict)
    links: set[CountedLink] = field(default_factory=set)
    challenge: Challenge | None = None
    refusal: str = "AUTH_KEY_UNREGISTERED"


class KeyRing:
    """All keys, held in memory and written through."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: dict[int, AuthKey] = {}
        self._owned: dict[int, list[AuthKey]] = {}
        for row in database.execute("SELECT * FROM auth_keys"):
            key = AuthKey(row["key_id"], row["auth_key"], row["salt"], row["layer"])
            key.account_id, key.pending_account_id = row["account_id"], row["pending_account_id"]
            key.max_connections = row["max_connections"]
            self._keys[key.id] = key
            self._own(key)

    def __iter__(self) -> Iterator[AuthKey]:
        return iter(list(self._keys.values()))

    def get(self, key_id: int) -> AuthKey | None:
        return self._keys.get(key_id)

    def add(self, secret: bytes, salt: int) -> None:
        """Keep a key that was just agreed on."""
        key = AuthKey(key_id_of(secret), secret, salt)
        statement = "INSERT OR REPLACE INTO auth_keys (key_id, auth_key, salt) VALUES (?, ?, ?)"
        self._database.execute(statement, (key.id, secret, salt))
        self._keys[key.id] = key

    def of_account(self, account_id: int) -> list[AuthKey]:
        return self._owned.get(account_id, [])

    def _own(self, key: AuthKey) -> None:
        if key.account_id is not None:
            self._owned[key.account_id] = [*self._owned.get(key.account_id, []), key]

    def _disown(self, key: AuthKey) -> None:
        if key.account_id is not None:
            self._owned[key.account_id] = [one for one in self._owned.get(key.account_id, []) if one is not key]

    def log_in(self, key: AuthKey, account_id: int) -> None:
        self._set_owner(key, account_id, None)

    def await_password(self, key: AuthKey, account_id: int) -> None:
        self._set_owner(key, None, account_id)

    def log_out(self, key: AuthKey, refusal: str = "AUTH_KEY_UNREGISTERED") -> None:
        """The key stays known and speaks for nobody: what Telegram does to a revoked key too."""
        self._set_owner(key, None, None)
        key.refusal = refusal
        key.links.clear()

    def _set_owner(self, key: AuthKey, account_id: int | None, pending: int | None) -> None:
        statement = "UPDATE auth_keys SET account_id = ?, pending_account_id = ? WHERE key_id = ?"
        self._database.execute(statement, (account_id, pending, key.id))
        self._disown(key)
        key.account_id, key.pending_account_id, key.challenge = account_id, pending, None
        self._own(key)

    def set_layer(self, key: AuthKey, layer: int) -> None:
        if key.layer != layer:
            self._database.execute("UPDATE auth_keys SET layer = ? WHERE key_id = ?", (layer, key.id))
            key.layer = layer

    def rotate_salt(self, key: AuthKey) -> None:
        """Give the key another salt: its clients meet bad_server_salt once."""
        salt = int.from_bytes(secrets.token_bytes(8), "little", signed=True)
        self._database.execute("UPDATE auth_keys SET salt = ? WHERE key_id = ?", (salt, key.id))
        key.salt = salt

    def forget(self, key: AuthKey) -> None:
        """Lose the key as if it had never been made."""
        with self._database.transaction():
            self._keep_record(key.max_connections)
            self._database.execute("DELETE FROM auth_keys WHERE key_id = ?", (key.id,))
        self._disown(key)
        self._keys.pop(key.id, None)

    def _keep_record(self, connections: int) -> None:
        if connections > self._database.counted("max_connections"):
            self._database.count("max_connections", connections - self._database.counted("max_connections"))

    def count(self, key: AuthKey, link: CountedLink) -> int:
        """Note that the connection carried a message of the logged-in key; gives how many are open now."""
        key.links.add(link)
        if len(key.links) == 1 and key.max_connections:
            return 1
        open_now = 1 + sum(not other.is_left_by_client() for other in key.links if other is not link)
        if open_now > key.max_connections:
            key.max_connections = open_now
            with self._database.transaction():
                statement = "UPDATE auth_keys SET max_connections = ? WHERE key_id = ?"
                self._database.execute(statement, (open_now, key.id))
                self._keep_record(open_now)
        return open_now

    def most_connections(self) -> int:
        """The greatest number of connections that one logged-in key ever had at once."""
        return self._database.counted("max_connections")
