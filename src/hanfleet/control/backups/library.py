"""The folder of all backups: who may work in it, what is whole in it, and how a new one gets there in one step.

Refuses to look into a backup. Other files in the folder are somebody else's and stay (the ledger of erasures is one).
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hanfleet.core.backup_ids import is_backup_id
from hanfleet.core.errors import ConflictError, NotFoundError
from hanfleet.kit.disk import sync_folder

_DRAFT = ".unfinished-"


class Library:
    """``path`` is made by the caller, closed to others."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def lock(self, *, shared: bool = False) -> Iterator[None]:
        """Work in it alone, or ``shared`` with others that only read. Raises ConflictError when somebody is there."""
        descriptor = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConflictError(
                    f"Another command works on the backups in {self.path}: try again when it is done."
                ) from None
            yield
        finally:
            os.close(descriptor)

    def ids(self) -> list[str]:
        """The backups that are there, oldest first."""
        if not self.path.is_dir():
            return []
        return sorted(entry.name for entry in self.path.iterdir() if is_backup_id(entry.name))

    def folder(self, backup_id: str) -> Path:
        """Raises NotFoundError."""
        folder = self.path / backup_id
        if not is_backup_id(backup_id) or not folder.is_dir():
            raise NotFoundError(f"There is no backup {backup_id} in {self.path}: hanfleet backup list shows all.")
        return folder

    def free_id(self, wanted: str) -> str:
        """``wanted``, or the same with a number behind it where that is taken."""
        taken = set(self.ids())
        number = 1
        free = wanted
        while free in taken:
            number += 1
            free = f"{wanted}-{number}"
        return free

    @contextmanager
    def draft(self, backup_id: str) -> Iterator[Path]:
        """A folder to fill. It becomes backup ``backup_id`` when the body ends, and is gone when the body raises.

        What a killed command left unfinished goes too. Call it under ``lock``.
        """
        for left in self.path.glob(f"{_DRAFT}*"):
            shutil.rmtree(left)
        draft = self.path / f"{_DRAFT}{backup_id}"
        draft.mkdir(mode=0o700)
        try:
            yield draft
            sync_folder(draft)
            draft.rename(self.path / backup_id)
            sync_folder(self.path)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise

    def remove(self, backup_id: str) -> None:
        """In one step: a backup is there whole or not at all. Call it under ``lock``."""
        condemned = self.path / f"{_DRAFT}removed-{backup_id}"
        self.folder(backup_id).rename(condemned)
        shutil.rmtree(condemned)
