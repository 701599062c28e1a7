"""The home: every file of one fleet, and where it lies.

Secrets, logs and lists lie in the home itself. What PostgreSQL and Valkey must reach lies there too, but not as root:
they run under an account of their own (see `account.py`) that cannot look below a folder like /root, so then their
data is under /var/lib/hanfleet and their sockets are under /run/hanfleet, by a key of the home (see `place.py`).
Refuses to change the mode of a folder that was there before.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

from hanfleet.app.account import Account, servers_account
from hanfleet.app.folders import make_folder, refused_by_system, remove_tree, shared_base
from hanfleet.app.place import PLACE_FILE, claim, key_by_path, key_of, owner_file
from hanfleet.app.secrets_file import SecretsFile
from hanfleet.core.errors import ConflictError, InvalidInputError, PermanentError

STATE_BASE = Path("/var/lib/hanfleet")
SOCKET_BASE = Path("/run/hanfleet")
# What is left of the 108 bytes of sockaddr_un for the folder, with room for /postgres/.s.PGSQL.5432 behind it.
_LONGEST_SOCKET_FOLDER = 70
_LONGEST_SOCKET_PATH = 100
_OURS = (
    "logs", "servers", "run", "backups", "secrets.json", "master.key", "master.key.new", "erasure.key", "home.lock",
    "processes.json", "api.url", "audit", PLACE_FILE,
)  # fmt: skip
_MARKER = ".hanfleet-home"
# What tells a home from before the marker, or one in a folder with other files; folders are called like ours elsewhere.
_SIGNS = (_MARKER, "secrets.json", "master.key", "home.lock", "processes.json")
RUNTIME_FOLDER = "runtime"


# Between taking the lock and saying who did it lie a few instructions.
_SAYS_WHO_WITHIN_S = 2.0


class CommandAtWorkError(ConflictError):
    """The home is held by a command, which will end by itself and takes its database server along."""


class Home:
    """One state folder. ``open`` it, then ``lock`` it before anything in it is started."""

    def __init__(self, path: Path, *, as_root: bool) -> None:
        self.path = path
        self._as_root = as_root
        self.key = key_of(path, STATE_BASE) if as_root else key_by_path(path)
        self.secrets = SecretsFile(path / "secrets.json")

    @classmethod
    def open(
        cls, path: Path | None = None, *, environ: Mapping[str, str] = os.environ, as_root: bool | None = None
    ) -> "Home":
        """The home at ``path`` (default: hanfleet in XDG_DATA_HOME or ~/.local/share), made when it is missing.

        ``as_root`` (default: whether we are) decides where the servers' files lie.
        """
        chosen = _chosen(path, environ)
        try:
            # Folders on the way are made private as well, as the XDG rules want it.
            for parent in reversed(chosen.absolute().parents):
                if not parent.exists():
                    parent.mkdir(mode=0o700, exist_ok=True)
        except OSError as refused:
            raise PermanentError(
                f"{chosen} cannot be made ({refused.strerror}): choose another with --home."
            ) from refused
        chosen = chosen.resolve()
        made = make_folder(chosen, 0o700)
        if made or not any(chosen.iterdir()):
            (chosen / _MARKER).touch(mode=0o600)
        return cls(chosen, as_root=os.geteuid() == 0 if as_root is None else as_root)

    @classmethod
    def place(cls, path: Path | None = None, *, environ: Mapping[str, str] = os.environ) -> Path:
        """Where ``open`` would find or make it; makes nothing."""
        return _chosen(path, environ).resolve()

    @classmethod
    def existing(
        cls, path: Path | None = None, *, environ: Mapping[str, str] = os.environ, as_root: bool | None = None
    ) -> "Home":
        """The same for whoever needs what is in it: makes nothing. Raises InvalidInputError where there is no home."""
        chosen = _chosen(path, environ)
        if not is_home(chosen):
            raise InvalidInputError(
                f"{chosen} is not the home of a fleet: name its folder with --home. hanfleet up makes a new one."
            )
        return cls.open(chosen, as_root=as_root)

    @classmethod
    def temporary(cls, *, as_root: bool | None = None) -> "Home":
        """A fresh home in the folder for temporary files; ``destroy`` it when done."""
        return cls.open(Path(tempfile.mkdtemp(prefix="hanfleet-")), as_root=as_root)

    @contextmanager
    def lock(self, *, command: bool = False) -> Iterator[None]:
        """Hold this home alone, for a fleet or for one ``command``.

        Raises CommandAtWorkError when a command of another process holds it, ConflictError when a fleet does.
        """
        file = self.path / "home.lock"
        with refused_by_system(file):
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid, *by_command = _holder(descriptor)
                if by_command:
                    raise CommandAtWorkError(
                        f"Another hanfleet command (pid {pid}) works on {self.path}: wait until it has ended, then try"
                        " again."
                    ) from None
                raise ConflictError(
                    f"Another hanfleet (pid {pid}) runs on {self.path}: stop it, or choose another home with --home."
                ) from None
            with refused_by_system(file):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}{' command' if command else ''}".encode(), 0)
            yield
        finally:
            os.close(descriptor)

    @cached_property
    def logs(self) -> Path:
        return self._folder("logs")

    @cached_property
    def bot_logs(self) -> Path:
        self.logs  # noqa: B018 - the parent is made first
        return self._folder("logs/bots")

    @cached_property
    def run(self) -> Path:
        """Private sockets of our own and exit records; short enough for a socket's path."""
        folder = self._sockets / "own"
        make_folder(folder, 0o700)
        return folder

    @cached_property
    def exits(self) -> Path:
        """Exit records of processes whose parent is gone (see launchers/exit_records.py)."""
        folder = self.run / "exits"
        make_folder(folder, 0o700)
        return folder

    @property
    def api_url(self) -> Path:
        """The file that says where the API of the running fleet is; missing while none runs."""
        return self.path / "api.url"

    @property
    def audit_heads(self) -> Path:
        """The file that the heads of the audit trail are written to (see audit_heads.py); its folder may be missing."""
        return self.path / "audit" / "heads.jsonl"

    @property
    def master_key(self) -> Path:
        """The file with the fleet's master key, 32 random bytes in hex (see master_key.py)."""
        return self.path / "master.key"

    @cached_property
    def account(self) -> Account | None:
        """Whose processes the servers are; None: ours."""
        return servers_account(STATE_BASE / self.key / "postgres") if self._as_root else None

    @cached_property
    def servers(self) -> Path:
        """Where the servers' data folders and their configuration lie; ours, but they may pass through it.

        Raises ConflictError when, as root, it has become another home's since this one was opened.
        """
        if self.account is None:
            return self._folder("servers")
        with shared_base(STATE_BASE, 0o711):
            claim(self.path, self.key, STATE_BASE)
            folder = STATE_BASE / self.key
            make_folder(folder, 0o711)
        return folder

    def server_folder(self, name: str) -> Path:
        """The data folder of one server: its own, closed to everybody else."""
        folder = self.servers / name
        make_folder(folder, 0o700, self.account)
        return folder

    def socket_folder(self, name: str) -> Path:
        """Where one server's socket lies: the server may write there, workers of any account may pass through."""
        folder = self._sockets / name
        make_folder(folder, 0o711, self.account)
        return folder

    def socket(self, name: str) -> Path:
        """The path of a private socket of our own. Raises PermanentError when the system could not bind it."""
        path = self.run / name
        if len(os.fsencode(path)) >= _LONGEST_SOCKET_PATH:
            raise PermanentError(f"{path} is too long for a socket: choose a shorter home with --home.")
        return path

    @cached_property
    def _sockets(self) -> Path:
        if self._as_root:
            with shared_base(SOCKET_BASE, 0o711):
                folder = SOCKET_BASE / self.key
                make_folder(folder, 0o711)
            return folder
        # XDG_RUNTIME_DIR would be the place by the book, but it is removed when its user logs out, and a fleet stays.
        if len(os.fsencode(self.path)) <= _LONGEST_SOCKET_FOLDER:
            return self._folder("run")
        base = self._temporary_sockets
        with shared_base(base, 0o700):
            if base.lstat().st_mode & 0o077:
                raise PermanentError(f"{base} is open to other users: remove it, then start again.")
            folder = base / self.key
            make_folder(folder, 0o700)
        return folder

    @property
    def _temporary_sockets(self) -> Path:
        return Path("/tmp") / f"hanfleet-{os.geteuid()}"  # noqa: S108 - owner and mode are checked where it is used

    def _folder(self, name: str) -> Path:
        folder = self.path / name
        make_folder(folder, 0o700)
        return folder

    def destroy(self) -> None:
        """Remove everything that was made for this home, wherever it lies. Nothing of it may run any more.

        A folder that held somebody's files before it became a home keeps them, and itself.
        """
        if self._as_root:
            _leave(STATE_BASE, 0o711, self.key)
            _leave(SOCKET_BASE, 0o711, self.key)
        else:
            _leave(self._temporary_sockets, 0o700, self.key)
        if (self.path / _MARKER).exists():
            remove_tree(self.path)
            return
        for name in _OURS:
            entry = self.path / name
            if entry.is_dir():
                remove_tree(entry)
            else:
                entry.unlink(missing_ok=True)


def default_path(environ: Mapping[str, str]) -> Path:
    """Where the home is when nobody said: the XDG data folder (an unset or relative one counts as the default).

    Raises InvalidInputError for a HANFLEET_HOME with nothing in it: somebody meant to say.
    """
    if environ.get("HANFLEET_HOME") == "":
        raise InvalidInputError("HANFLEET_HOME is empty: set it to the fleet's folder, or unset it for the default.")
    data = environ.get("XDG_DATA_HOME", "")
    base = Path(data) if data.startswith("/") else Path("~/.local/share").expanduser()
    return base / "hanfleet"


def is_home(path: Path) -> bool:
    """Whether there is a home at ``path`` that we may look into."""
    # Unlike Path.exists it says no where the way there is closed to us.
    return any(os.path.exists(path / sign) for sign in _SIGNS)  # noqa: PTH110 - see above


def _holder(descriptor: int) -> list[str]:
    """The pid of the process that holds the lock, and a word more when it is a command.

    What stands there may be a dead one's for a moment, until the new holder has written.
    """
    deadline = time.monotonic() + _SAYS_WHO_WITHIN_S
    while True:
        words = os.pread(descriptor, 20, 0).decode().split()
        if words and os.path.exists(f"/proc/{words[0]}"):  # noqa: PTH110 - no path of a person's
            return words
        if time.monotonic() > deadline:
            return words or ["unknown"]
        time.sleep(0.01)


def _chosen(path: Path | None, environ: Mapping[str, str]) -> Path:
    try:
        return (path or default_path(environ)).expanduser()
    except RuntimeError as homeless:
        raise PermanentError("This user has no home folder: choose a home with --home.") from homeless


def _leave(base: Path, mode: int, key: str) -> None:
    """Take one home out of a folder that homes share; with the last one goes the folder, copied programs and all."""
    if not base.exists():
        return
    with shared_base(base, mode):
        remove_tree(base / key)
        owner_file(base, key).unlink(missing_ok=True)
        if {entry.name for entry in base.iterdir()} <= {RUNTIME_FOLDER}:
            shutil.rmtree(base / RUNTIME_FOLDER, ignore_errors=True)
            # Something else in it, put there in this moment, is not ours to remove.
            with suppress(OSError):
                base.rmdir()
