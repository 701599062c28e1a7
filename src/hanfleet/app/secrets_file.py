"""Passwords and tokens of one home, made on first use and kept in `secrets.json`, readable by its owner alone."""

import fcntl
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hanfleet.app.folders import refused_by_system, write_private
from hanfleet.core.errors import PermanentError


class SecretsFile:
    """Named secrets; two processes that ask for the same new name get the same value."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, name: str) -> str | None:
        """The secret called ``name``, or None when nobody asked for it before."""
        return self._read().get(name)

    def get_or_make(self, name: str) -> str:
        """The secret called ``name``: 256 random bits in letters, digits, `-` and `_`, made now when it is new.

        Raises PermanentError where it cannot be kept.
        """
        known = self.get(name)
        if known is not None:
            return known
        with self._alone():
            everything = self._read()
            if name not in everything:
                everything[name] = secrets.token_urlsafe(32)
                write_private(self._path, json.dumps(everything, indent=2, sort_keys=True) + "\n")
            return everything[name]

    def _read(self) -> dict[str, str]:
        with refused_by_system(self._path):
            try:
                mode = self._path.stat().st_mode
                text = self._path.read_text(encoding="utf-8")
            except FileNotFoundError:
                return {}
        if stat.S_IMODE(mode) & 0o077:
            raise PermanentError(f"{self._path} can be read by others: run chmod 600 {self._path}, then start again.")
        try:
            return {str(name): str(value) for name, value in json.loads(text).items()}
        except (ValueError, AttributeError) as broken:
            raise PermanentError(f"{self._path} is damaged: put it back from a backup of this home.") from broken

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # The folder is locked, not the file: the file is replaced by each write.
        with refused_by_system(self._path.parent):
            descriptor = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
