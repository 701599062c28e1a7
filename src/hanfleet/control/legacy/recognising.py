"""Whether a folder can be the old bot's at all: it holds something by one of the names that the old bot gave.

A folder of anything else would import nothing, and make a bot of it. Reads names alone.
"""

import os
from pathlib import Path

_NAMES = (
    "girls_data.json",
    "girls_data",
    "conversations",
    "backups",
    "metrics.json",
    "fields.json",
    ".env",
    "persona.txt",
)
_SESSIONS = "*.session"


def is_old_folder(folder: Path, env: str) -> bool:
    """Whether anything in ``folder`` is called as the old bot called it; ``env``: what its settings are called."""
    return any(os.path.lexists(folder / name) for name in (*_NAMES, env)) or any(folder.glob(_SESSIONS))
