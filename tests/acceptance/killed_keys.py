"""`hanfleet keys rotate`, but that it kills itself (SIGKILL) at the step with the given number.

``python -m tests.acceptance.killed_keys master|data NUMBER HOME``; without such a step it comes to its end.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from hanfleet.app.keys import rotate_data, rotate_master
from hanfleet.app.settings import load_settings

_passed = 0


def _checkpoint(_step: str) -> None:
    global _passed  # noqa: PLW0603 - one process, one count
    if _passed == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    _passed += 1


if __name__ == "__main__":
    settings = load_settings(home=Path(sys.argv[3]))
    if sys.argv[1] == "master":
        asyncio.run(rotate_master(settings, _checkpoint))
    else:
        asyncio.run(rotate_data(settings, None, lambda _one, _done, _total: None, _checkpoint))
