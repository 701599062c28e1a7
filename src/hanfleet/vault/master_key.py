"""The fleet's one key that lies in a file: it wraps the bots' data keys and seals nothing else.

Refuses a file that others may read. Making the file is the home's business.
"""

import os
import stat
from pathlib import Path

from hanfleet.core.errors import PermanentError
from hanfleet.vault.cipher import KEY_BYTES, Cipher

_FIELD = "data_key"


def new_data_key() -> bytes:
    """32 fresh bytes for one bot."""
    return os.urandom(KEY_BYTES)


class MasterKey:
    """Wraps data keys. Raises ValueError for a key that has not 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._cipher = Cipher(key)

    @classmethod
    def load(cls, path: Path) -> "MasterKey":
        """Read the key: 64 hex digits. Raises PermanentError with what to do about a file that will not serve."""
        return cls(read_key(path))

    def wrap(self, bot_id: str, data_key: bytes) -> bytes:
        """Seal a bot's data key, for storage."""
        if len(data_key) != KEY_BYTES:
            raise ValueError(f"a data key has {KEY_BYTES} bytes, not {len(data_key)}")
        return self._cipher.seal(bot_id, _FIELD, data_key)

    def unwrap(self, bot_id: str, wrapped: bytes) -> bytes:
        """The inverse of ``wrap``. Raises PermanentError for another master key or another bot."""
        return self._cipher.open(bot_id, _FIELD, wrapped)


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
    try:
        key = bytes.fromhex(raw.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise PermanentError(
            f"The master key {path} must hold {2 * KEY_BYTES} hex digits and nothing else: restore it from a copy."
        )
    return key
