"""The fleet's one key that lies in a file or in the environment: it wraps other keys and seals nothing else.

Refuses a file that others may read. Making the file is the home's business.
"""

import hashlib
import os
import stat
from pathlib import Path

from hanfleet.core.errors import PermanentError
from hanfleet.vault.cipher import KEY_BYTES, Cipher, number_in

_FIELD = "data_key"
_NAMED_FIELD = "named_key"


def new_data_key() -> bytes:
    """32 fresh bytes for one bot."""
    return os.urandom(KEY_BYTES)


class MasterKey:
    """Wraps keys; what it wrapped names it. Raises ValueError for a key that has not 32 bytes."""

    def __init__(self, key: bytes) -> None:
        # A hash of the key tells nothing of it, for it is as random as the key, and tells two keys apart.
        self._number = int.from_bytes(hashlib.sha256(b"hanfleet master key" + key).digest()[:4], "big")
        self._cipher = Cipher(key, self._number)

    @classmethod
    def load(cls, path: Path) -> "MasterKey":
        """Read the key: 64 hex digits. Raises PermanentError with what to do about a file that will not serve."""
        return cls(read_key(path))

    @property
    def name(self) -> str:
        """Eight hex digits by which people tell master keys apart."""
        return f"{self._number:08x}"

    def wrap(self, bot_id: str, data_key: bytes) -> bytes:
        """Seal a bot's data key, for storage."""
        return self._wrap(bot_id, _FIELD, data_key)

    def unwrap(self, bot_id: str, wrapped: bytes) -> bytes:
        """The inverse of ``wrap``. Raises PermanentError for another master key or another bot."""
        return self._unwrap(bot_id, _FIELD, wrapped)

    def wrap_named(self, purpose: str, key: bytes) -> bytes:
        """Seal a key that is no bot's, such as a backup's: ``purpose`` says whose, and opens nothing else."""
        return self._wrap(purpose, _NAMED_FIELD, key)

    def unwrap_named(self, purpose: str, wrapped: bytes) -> bytes:
        """The inverse of ``wrap_named``. Raises PermanentError for another master key or another purpose."""
        return self._unwrap(purpose, _NAMED_FIELD, wrapped)

    def wrapped_it(self, wrapped: bytes) -> bool:
        """Whether ``wrapped`` names this key; what older releases wrapped names none."""
        return number_in(wrapped) == self._number

    def is_stranger_to(self, wrapped: bytes) -> bool:
        """Whether ``wrapped`` names another master key."""
        return number_in(wrapped) not in (None, self._number)

    def _wrap(self, owner: str, field: str, key: bytes) -> bytes:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
        return self._cipher.seal(owner, field, key)

    def _unwrap(self, owner: str, field: str, wrapped: bytes) -> bytes:
        named = number_in(wrapped)
        if named is not None and named != self._number:
            raise PermanentError(
                f"The {field} of {owner} was wrapped by master key {named:08x}, and this is {self.name}: put the right"
                " master key back."
            )
        return self._cipher.open(owner, field, wrapped)


def read_key(path: Path) -> bytes:
    """The 32 bytes in a key file. Raises PermanentError: missing, readable by others, or not a key."""
    try:
        with path.open("rb") as file:
            # The mode is read from the open file, so nobody can swap the file between the look and the read.
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            raw = file.read(4 * KEY_BYTES)
    except OSError as refused:
        raise PermanentError(
            f"The master key {path} cannot be read ({refused.strerror}): restore it from where you keep a copy; "
            "without it no bot's secret opens."
        ) from refused
    if mode & 0o077:
        raise PermanentError(f"The master key {path} is open to other users (mode {mode:04o}): run chmod 600 {path}.")
    key = key_in(raw.decode("ascii", "replace"))
    if key is None:
        raise PermanentError(
            f"The master key {path} must hold {2 * KEY_BYTES} hex digits and nothing else: restore it from a copy."
        )
    return key


def key_in(text: str) -> bytes | None:
    """The key that ``text`` spells in hex digits; None when it spells none."""
    digits = text.strip()
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        return None
    return key if len(digits) == 2 * KEY_BYTES == 2 * len(key) else None
