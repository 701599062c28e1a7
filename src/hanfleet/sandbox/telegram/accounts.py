"""People and bots of the offline Telegram: who exists, by which names they are found, how they prove themselves.

There is no sign-up over MTProto: accounts are made through the control interface only.
"""

import hmac
import re
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from hanfleet.sandbox.telegram.database import Database
from hanfleet.sandbox.telegram.srp import Verifier, make_verifier

_FIRST_USER: Final = 100_000_001
_FIRST_BOT: Final = 7_000_000_001  # Over 32 bits, as new ids of Telegram are.
_TOKEN: Final = re.compile(r"(\d{1,15}):[A-Za-z0-9_-]{20,64}")
_USERNAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{3,31}")


class AccountRefusedError(Exception):
    """An account cannot be made like this; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Account:
    """What does not change with every message."""

    id: int
    is_bot: bool
    phone: str | None
    token: str | None
    username: str | None
    first_name: str
    last_name: str | None
    language_code: str | None
    verifier: Verifier | None


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What is asked for; empty fields are filled in."""

    is_bot: bool
    first_name: str
    last_name: str | None = None
    phone: str | None = None
    username: str | None = None
    language_code: str | None = None
    password: str | None = None
    token: str | None = None


def digits_of(phone: str) -> str:
    """A phone number without plus, spaces and dashes, as Telegram keeps it."""
    return re.sub(r"\D", "", phone)


class Accounts:
    """All accounts, held in memory and written through."""

    def __init__(self, database: Database, hash_secret: bytes) -> None:
        self._database = database
        self._hash_secret = hash_secret
        self._by_id: dict[int, Account] = {}
        self._hashes: dict[tuple[int, int], int] = {}
        for row in database.execute("SELECT * FROM accounts ORDER BY id"):
            verifier = Verifier(row["salt1"], row["salt2"], row["verifier"]) if row["verifier"] else None
            self._remember(
                Account(
                    id=row["id"],
                    is_bot=row["kind"] == "bot",
                    phone=row["phone"],
                    token=row["token"],
                    username=row["username"],
                    first_name=row["first_name"],
                    last_name=row["last_name"],
                    language_code=row["language_code"],
                    verifier=verifier,
                )
            )

    def _remember(self, account: Account) -> None:
        self._by_id[account.id] = account

    def all(self) -> list[Account]:
        return list(self._by_id.values())

    def get(self, account_id: int) -> Account | None:
        return self._by_id.get(account_id)

    def by_phone(self, phone: str) -> Account | None:
        wanted = digits_of(phone)
        return next((account for account in self._by_id.values() if account.phone == wanted), None)

    def by_username(self, username: str) -> Account | None:
        wanted = username.removeprefix("@").lower()
        return next((a for a in self._by_id.values() if a.username and a.username.lower() == wanted), None)

    def by_token(self, token: str) -> Account | None:
        return next((account for account in self._by_id.values() if account.token == token), None)

    def access_hash(self, viewer_id: int, target_id: int) -> int:
        """The number by which ``viewer_id`` alone may address ``target_id``; signed, never 0."""
        known = self._hashes.get((viewer_id, target_id))
        if known is None:
            digest = hmac.digest(self._hash_secret, f"{viewer_id}:{target_id}".encode(), sha256)
            known = int.from_bytes(digest[:8], "little", signed=True) or 1
            self._hashes[viewer_id, target_id] = known
        return known

    def create(self, wanted: NewAccount, now: int) -> Account:
        """Make an account. Raises AccountRefusedError when a name is taken or malformed."""
        account = self._complete(wanted)
        verifier = account.verifier
        with self._database.transaction():
            self._database.execute(
                "INSERT INTO accounts (id, kind, phone, token, username, first_name, last_name, language_code,"
                " salt1, salt2, verifier, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    account.id,
                    "bot" if account.is_bot else "user",
                    account.phone,
                    account.token,
                    account.username,
                    account.first_name,
                    account.last_name,
                    account.language_code,
                    verifier and verifier.salt1,
                    verifier and verifier.salt2,
                    verifier and verifier.value,
                    now,
                ),
            )
        self._remember(account)
        return account

    def _complete(self, wanted: NewAccount) -> Account:
        username = wanted.username.removeprefix("@") if wanted.username else None
        if username and not _USERNAME.fullmatch(username):
            raise AccountRefusedError("a username has 4 to 32 letters, digits and _, and begins with a letter")
        if username and self.by_username(username):
            raise AccountRefusedError(f"the username {username} is taken: choose another")
        account_id, token = self._bot_identity(wanted.token) if wanted.is_bot else (self._next_id(_FIRST_USER), None)
        return Account(
            id=account_id,
            is_bot=wanted.is_bot,
            phone=None if wanted.is_bot else self._free_phone(wanted.phone, account_id),
            token=token,
            username=username or (f"sandbox_{account_id}_bot" if wanted.is_bot else None),
            first_name=wanted.first_name,
            last_name=wanted.last_name or None,
            language_code=wanted.language_code,
            verifier=make_verifier(wanted.password) if wanted.password else None,
        )

    def _next_id(self, first: int) -> int:
        candidate = first + len(self._by_id)
        while candidate in self._by_id:
            candidate += 1
        return candidate

    def _bot_identity(self, token: str | None) -> tuple[int, str]:
        if token is None:
            bot_id = self._next_id(_FIRST_BOT)
            return bot_id, f"{bot_id}:{secrets.token_urlsafe(26)}"
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise AccountRefusedError("a bot token is the bot's number, a colon and 20 to 64 letters, digits, _ or -")
        if int(match[1]) in self._by_id:
            raise AccountRefusedError(f"there is an account {match[1]} already: choose another number in the token")
        return int(match[1]), token

    def _free_phone(self, phone: str | None, account_id: int) -> str:
        digits = digits_of(phone) if phone else f"99966{account_id % 10**8:08d}"
        if not 5 <= len(digits) <= 15:
            raise AccountRefusedError("a phone number has 5 to 15 digits")
        if self.by_phone(digits):
            raise AccountRefusedError(f"the phone number {digits} is taken: choose another")
        return digits
