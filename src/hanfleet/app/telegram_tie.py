"""Which Telegram a home is tied to: a bot's session is void at every server but the one that made its key.

A rehearsal on the home of real accounts would log all of them out, so it is refused.
"""

import hashlib
from pathlib import Path

from hanfleet.app.folders import write_private
from hanfleet.core.errors import ConflictError
from hanfleet.core.startup import TelegramServer

_FILE = "telegram"
_REAL = "real"


def tie(home: Path, server: TelegramServer | None) -> None:
    """Note ``server`` (None: the real Telegram) in a home without a tie. Raises ConflictError when it has another."""
    if not is_tied(home, server):
        write_private(home / _FILE, _name(server) + "\n")


def is_tied(home: Path, server: TelegramServer | None) -> bool:
    """Whether ``home`` has this tie; False: none. Raises ConflictError when it has another."""
    file = home / _FILE
    wanted = _name(server)
    try:
        present = file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return False
    if present == wanted:
        return True
    here, there = (
        "the real Telegram" if name == _REAL else f"a Telegram server with the key {name[:12]}"
        for name in (wanted, present)
    )
    raise ConflictError(
        f"The bots of {home} are logged in at {there}; with {here} their sessions would be lost."
        f" Use another --home for this, or remove {file} if you give those sessions up."
    )


def _name(server: TelegramServer | None) -> str:
    return _REAL if server is None else hashlib.sha256(server.public_key_pem.strip().encode()).hexdigest()
