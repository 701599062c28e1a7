"""One bot's data keys by number: the newest seals, every one of them opens.

So a key can be replaced while the bot works: values say which key sealed them, and are sealed anew one after the other
(control.keys). Refuses to know where keys and values are stored.
"""

from collections.abc import Mapping

from hanfleet.core.errors import PermanentError
from hanfleet.vault.cipher import Cipher, number_in

#: What older releases sealed names no key: a bot had one then.
FIRST_KEY = 1


class KeyRing:
    """The keys of ``bot_id``. Raises ValueError for none, or for one that has not 32 bytes."""

    def __init__(self, bot_id: str, keys: Mapping[int, bytes]) -> None:
        if not keys:
            raise ValueError("a ring has at least one key")
        self._bot_id = bot_id
        self._ciphers = {number: Cipher(key, number) for number, key in keys.items()}
        self.newest = max(self._ciphers)
        self._sealing = self._ciphers[self.newest]

    @property
    def numbers(self) -> frozenset[int]:
        return frozenset(self._ciphers)

    @property
    def prefix(self) -> bytes:
        """How every value begins that the newest key sealed."""
        return self._sealing.prefix

    def seal(self, field: str, plaintext: bytes) -> bytes:
        """Encrypt for ``field`` of this bot under the newest key."""
        return self._sealing.seal(self._bot_id, field, plaintext)

    def open(self, field: str, sealed: bytes) -> bytes:
        """Decrypt with the key that ``sealed`` names. Raises PermanentError for an unknown one or a changed value."""
        named = number_in(sealed)
        number = FIRST_KEY if named is None else named
        cipher = self._ciphers.get(number)
        if cipher is None:
            raise PermanentError(
                f"{field} of bot {self._bot_id} was sealed with its key {number}, which is not there: restart the bot"
                " if its keys were just rotated; else restore that key from a backup."
            )
        return cipher.open(self._bot_id, field, sealed)
