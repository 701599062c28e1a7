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
_SESSION = ".session"


def is_old_folder(folder: Path, env: str) -> bool:
    """Whether anything in ``folder`` is called as the old bot called it; ``env``: what its settings are called.

    Raises OSError where we may not look.
    """
    named = any(name in _NAMES or name.endswith(_SESSION) for name in os.listdir(folder))  # noqa: PTH208 - names alone
    return named or os.path.lexists(folder / env)
