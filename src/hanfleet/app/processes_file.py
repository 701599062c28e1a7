"""The file `processes.json` of a home: which process is which part now, for people, tools and tests."""

import json
from pathlib import Path

from hanfleet.app.children import Runnable
from hanfleet.app.folders import write_private
from hanfleet.core.errors import PermanentError
from hanfleet.kit.logging import get_logger

_log = get_logger(__name__)


class ProcessesFile:
    """Written anew whenever a part starts; a part that is down just now keeps its last pid."""

    def __init__(self, path: Path, own_pid: int) -> None:
        self._path = path
        self._pids: dict[str, int] = {"up": own_pid}

    def note(self, part: Runnable) -> None:
        """A part has started. It runs all the same where that cannot be written, as on a full disk."""
        if part.pid is not None:
            self._pids[part.name] = part.pid
            try:
                write_private(self._path, json.dumps(self._pids, indent=2) + "\n")
            except PermanentError as failed:
                _log.warning("a part is not noted", part=part.name, reason=str(failed))

    def remove(self) -> None:
        """Nothing runs any more."""
        self._path.unlink(missing_ok=True)


class Noted:
    """A part whose starts are written down."""

    def __init__(self, part: Runnable, file: ProcessesFile) -> None:
        self._part = part
        self._file = file

    @property
    def name(self) -> str:
        return self._part.name

    @property
    def pid(self) -> int | None:
        return self._part.pid

    async def start(self) -> None:
        await self._part.start()
        self._file.note(self._part)

    async def wait(self) -> int:
        return await self._part.wait()

    async def stop(self) -> None:
        await self._part.stop()
