"""The mark by which a message is followed from contact to answer: `#` and eight hex digits.

Shared by the model's stand-in, which repeats them, and the contacts, who make and judge them. It knows nothing of
messages or chats.
"""

import random
import re
from collections.abc import Iterable

_NONCE = re.compile(r"(?<![\w#])#[0-9a-fA-F]{8}(?!\w)")


def find_nonces(text: str) -> tuple[str, ...]:
    """Every nonce of ``text`` once, in order of first appearance; a longer or shorter hash tag is not one."""
    return tuple(dict.fromkeys(_NONCE.findall(text)))


def gather_nonces(texts: Iterable[str]) -> tuple[str, ...]:
    """The nonces of several texts, each once, in order of first appearance."""
    return tuple(dict.fromkeys(nonce for text in texts for nonce in find_nonces(text)))


class NonceMint:
    """Makes nonces that are unique over a run; one mint serves every contact of the run."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._made: set[str] = set()

    def make(self) -> str:
        """A nonce which this mint has never given before."""
        while True:
            nonce = f"#{self._rng.getrandbits(32):08x}"
            if nonce not in self._made:
                self._made.add(nonce)
                return nonce
