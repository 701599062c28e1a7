"""The audit trail's heads outside the database: a file to which lines are only ever added, one per head that moved.

Who can change the database cannot thereby change what stood in here before. Refuses to shorten or rewrite the file; a
copy on another machine guards against whoever can.
"""

import asyncio
import fcntl
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from hanfleet.app.folders import make_folder
from hanfleet.core.audit import ChainHead, ExportedHead
from hanfleet.core.errors import PermanentError, StoreUnavailableError
from hanfleet.kit.clock import Clock
from hanfleet.kit.disk import append_whole
from hanfleet.kit.logging import get_logger
from hanfleet.store.principals import Principal
from hanfleet.store.session import Store

_log = get_logger("audit")


class HeadsFile:
    """JSON lines: exported_at, chain, seq, hash (in hex). Readable by its owner alone.

    ``makes_folder`` is for the home's own file. A copy's folder is somebody else's: where it is missing, the disk that
    should be there is not mounted.
    """

    def __init__(self, path: Path, *, makes_folder: bool = False) -> None:
        self.path = path
        self._makes_folder = makes_folder

    def read(self) -> tuple[list[ExportedHead], list[int]]:
        """Every head in it, oldest first, and the numbers of the lines that cannot be read. No file: nothing.

        Raises PermanentError when it is there but not ours to read.
        """
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return [], []
        except OSError as refused:
            raise PermanentError(f"{self.path} cannot be read: {refused.strerror}.") from refused
        found = {number: _head_of(line) for number, line in enumerate(lines, 1) if line.strip()}
        return [head for head in found.values() if head], [number for number, head in found.items() if not head]

    def append(self, heads: Sequence[ChainHead], at: datetime) -> None:
        """Add ``heads`` and wait until the disk has them. Raises OSError, and then the file is as it was."""
        if not heads:
            return
        if self._makes_folder:
            make_folder(self.path.parent, 0o700)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            end = os.fstat(descriptor).st_size
            # A line that a loss of power cut short must not spoil the next one.
            torn = end > 0 and os.pread(descriptor, 1, end - 1) != b"\n"
            lines = "".join(_line_of(head, at) for head in heads)
            append_whole(descriptor, ("\n" if torn else "").encode() + lines.encode())
        finally:
            os.close(descriptor)


class HeadsExport:
    """Writes down what moved since the last line of each chain."""

    def __init__(self, store: Store, principal: Principal, file: HeadsFile, clock: Clock) -> None:
        self._store = store
        self._principal = principal
        self._file = file
        self._clock = clock
        self._written: dict[str, ChainHead] | None = None

    async def run(self, every_s: float) -> None:
        """For ever; cancel it to stop. Neither a database that is away nor a full disk ends it."""
        while True:
            with suppress(StoreUnavailableError):
                try:
                    await self.once()
                except (OSError, PermanentError) as refused:
                    _log.error("heads of the audit trail are not written", reason=str(refused))
            await self._clock.sleep(every_s)

    async def once(self) -> int:
        """Write once, and say how many heads moved."""
        if self._written is None:
            known, _ = await asyncio.to_thread(self._file.read)
            self._written = {one.head.chain: one.head for one in known}
        async with self._store.transaction(self._principal) as tx:
            heads = await tx.audit.heads()
        moved = [head for head in heads if self._written.get(head.chain) != head]
        await asyncio.to_thread(self._file.append, moved, self._clock.now())
        self._written.update((head.chain, head) for head in moved)
        return len(moved)


def _line_of(head: ChainHead, at: datetime) -> str:
    line = {"exported_at": at.isoformat(), "chain": head.chain, "seq": head.seq, "hash": head.hash.hex()}
    return json.dumps(line) + "\n"


def _head_of(line: bytes) -> ExportedHead | None:
    try:
        found = json.loads(line)
        head = ChainHead(str(found["chain"]), int(found["seq"]), bytes.fromhex(found["hash"]))
        exported = ExportedHead(head, datetime.fromisoformat(found["exported_at"]))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    return exported if head.seq > 0 else None  # there is no entry below the first
