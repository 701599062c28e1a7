"""What was said, on its way into a bot's rows and out of them: in clear, or sealed where the bot is set so.

Sealed, the text's own column is empty and the sealed one beside it is filled, so no query finds half of a text. Rows of
both kinds are read at any time, since the setting may change. Refuses to read a sealed text without the bot's keys.
"""

from typing import NamedTuple
from uuid import UUID

from hanfleet.core.errors import PermanentError
from hanfleet.store.connection import storable
from hanfleet.store.records import Open, Seal


class KeptText(NamedTuple):
    """The two columns: ``sealed`` is hexadecimal, for jsonb parameters, or None."""

    clear: str
    sealed: str | None


class Texts:
    """One bot's. Without keys it keeps in clear. ``sealing`` may be switched while the bot works."""

    def __init__(self, seal: Seal | None = None, open_: Open | None = None, *, sealing: bool = False) -> None:
        self._seal = seal
        self._open = open_
        self.sealing = sealing

    def keep(self, field: str, text: str) -> KeptText:
        """``text`` as it is to be stored; an empty one says nothing and stays as it is."""
        clear = storable(text)
        if not self.sealing or self._seal is None or not clear:
            return KeptText(clear, None)
        return KeptText("", self._seal(field, clear.encode()).hex())

    def read(self, field: str, clear: str, sealed: bytes | None) -> str:
        """The text of a row. Raises PermanentError when it is sealed and does not open."""
        if sealed is None:
            return clear
        if self._open is None:
            raise PermanentError("The texts of this bot are sealed: read them through the bot's keys (tx.use_texts).")
        return self._open(field, sealed).decode()


def text_field(row_id: UUID) -> str:
    """The field for which a message's text is sealed; an outbox row and its message share the id."""
    return f"text:{row_id}"
