"""Folders that we make ourselves, with the mode and the owner asked for; one that was there before stays as it was."""

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hanfleet.app.account import Account
from hanfleet.core.errors import InvalidInputError, PermanentError

#: What a person has to allow first; anything else (no room, a failing disk) may pass.
_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)


def make_folder(path: Path, mode: int, account: Account | None = None) -> bool:
    """Make ``path`` (its parent exists) and say whether it was missing.

    One that exists is used as it is, mode untouched. Raises PermanentError when it is a link, not a folder, or owned
    by somebody else than ``account`` (default: this process's user).
    """
    owner = account.uid if account else os.geteuid()
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner:
            raise PermanentError(
                f"{path} is not a folder of user {owner}: remove it, or choose another home with --home."
            ) from None
        return False
    except OSError as refused:
        raise PermanentError(
            f"{path} cannot be made ({refused.strerror}): choose another home with --home."
        ) from refused
    if account:
        os.chown(path, account.uid, account.gid)
    # mkdir's own mode passes through the umask, which we do not know.
    path.chmod(mode)
    return True


@contextmanager
def shared_base(base: Path, mode: int) -> Iterator[None]:
    """Hold ``base``, a folder that several homes share, alone; it is made when missing.

    The lock is on the folder itself, so it can be removed while held: who waited for it then starts again with a
    new one.
    """
    while True:
        make_folder(base, mode)
        try:
            descriptor = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _same(descriptor, base):
                yield
                return
        finally:
            os.close(descriptor)


def _same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def remove_tree(path: Path) -> None:
    """Remove a folder of ours with everything in it; one that is gone already is fine."""
    if path.is_symlink() or not path.exists():
        return
    shutil.rmtree(path)


@contextmanager
def refused_by_system(path: Path) -> Iterator[None]:
    """Turn an OSError into a sentence: InvalidInputError where a right to ``path`` is missing, else PermanentError."""
    try:
        yield
    except OSError as refused:
        kind = InvalidInputError if refused.errno in _NOT_ALLOWED else PermanentError
        raise kind(
            f"{path} cannot be used ({refused.strerror}): mend that, or choose another home with --home."
        ) from refused


def write_private(path: Path, text: str, *, mode: int = 0o600, account: Account | None = None) -> None:
    """Put ``text`` at ``path`` in one step: a reader sees the old file or the new one, never half of it.

    Raises PermanentError when the system refuses.
    """
    with refused_by_system(path):
        _write(path, text, mode, account)


def _write(path: Path, text: str, mode: int, account: Account | None) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if account:
                os.fchown(file.fileno(), account.uid, account.gid)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
