"""The zygote: forks workers from a warm process, reaps them, writes down how they ended. It does nothing else.

One thread, no event loop, no connection, no secret: only so is forking safe and worth it. Everything that it is asked
comes over a unix socket from processes of the same user. SIGTERM ends it and leaves its workers alive: they become
children of `hanfleet up` (the subreaper), and the supervisor holds on to them by pidfd.
"""

import codecs
import fcntl
import gc
import os
import select
import signal
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import ValidationError

from hanfleet.core.errors import ConflictError
from hanfleet.kit.clock import SystemClock
from hanfleet.launchers.exit_records import take_zombie
from hanfleet.launchers.process.birth import Entry, become_worker
from hanfleet.launchers.process.wire import MAX_LINE, REQUEST, Answer, Born, Spawn
from hanfleet.launchers.process_table import start_time

# Whoever connects has this long to say what it wants; everybody else waits meanwhile.
_PATIENCE_S = 2.0
_BACKLOG = 64
_MAX_DESCRIPTORS = 4
# Python loads these when they are first used, and a worker with a uid of its own may not reach them by then.
_CODECS = ("ascii", "latin-1", "idna", "utf-16-le", "utf-8-sig", "unicode_escape")


def serve(socket_path: Path, entry: Entry, exits_dir: Path, *, code: Sequence[Path] = ()) -> None:
    """Serve until SIGTERM. Call it from the main thread, with everything that workers need imported.

    ``code``: folders that contained workers may read besides the Python environment. Raises ConflictError when another
    zygote serves this socket; a socket file that a dead one left is taken over.
    """
    for codec in _CODECS:
        codecs.lookup(codec)
    with _sole(socket_path):
        zygote = Zygote(socket_path, entry, exits_dir, code)
        # What lives now is never freed in a child: without the freeze each collection would copy every shared page.
        gc.collect()
        gc.freeze()
        zygote.run()


@contextmanager
def _sole(socket_path: Path) -> Iterator[None]:
    """Hold ``<socket>.lock`` for life; it names the holder's pid and start time."""
    lock = os.open(socket_path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 40, 0).decode().partition(" ")[0] or "unknown"
            raise ConflictError(f"Another zygote (pid {holder}) serves {socket_path}: stop it first.") from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()} {start_time(os.getpid())}\n".encode(), 0)
        socket_path.unlink(missing_ok=True)
        yield
        socket_path.unlink(missing_ok=True)
    finally:
        os.close(lock)


class Zygote:
    """The server's state: its socket and its living children."""

    def __init__(self, socket_path: Path, entry: Entry, exits_dir: Path, code: Sequence[Path]) -> None:
        self._entry = entry
        self._exits_dir = exits_dir
        self._code = code
        self._children: dict[int, Born] = {}
        self._stopping = False
        self._wakeup_r, self._wakeup_w = socket.socketpair()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            self._listener.bind(str(socket_path))
        finally:
            os.umask(before)
        self._listener.listen(_BACKLOG)

    def run(self) -> None:
        """The loop: a request, or a signal. Ends after SIGTERM."""
        for end in (self._wakeup_r, self._wakeup_w):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wakeup_w.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            while not self._stopping:
                ready, _, _ = select.select([self._listener, self._wakeup_r], [], [])
                if self._wakeup_r in ready:
                    with suppress(BlockingIOError):
                        self._wakeup_r.recv(4096)
                self._reap()
                if self._listener in ready:
                    connection, _ = self._listener.accept()
                    self._serve_one(connection)
        finally:
            signal.set_wakeup_fd(-1)
            for end in (self._listener, self._wakeup_r, self._wakeup_w):
                end.close()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _serve_one(self, connection: socket.socket) -> None:
        """One request. Whoever asks badly is told, whoever vanishes is forgotten; the loop goes on."""
        descriptors: list[int] = []
        with connection:
            try:
                answer = self._answer(descriptors, connection)
            except (ValidationError, ValueError) as refused:
                answer = Answer(error=f"The zygote does not understand this request: {refused}")
            except OSError as failed:
                answer = Answer(error=f"The zygote cannot do this now: {failed}")
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
            connection.settimeout(_PATIENCE_S)
            with suppress(OSError):
                connection.sendall(answer.to_line())

    def _answer(self, descriptors: list[int], connection: socket.socket) -> Answer:
        # Before a byte is read: nobody has to wait for who may ask nothing.
        pid, uid = _peer(connection)
        if uid != os.geteuid():
            return Answer(error="Only the fleet's own user may ask the zygote.")
        if _is_contained(pid):
            return Answer(error="A contained process may not ask the zygote.")
        request = REQUEST.validate_json(_receive(connection, descriptors))
        if not isinstance(request, Spawn):
            return Answer(workers=tuple(self._children.values()))
        if len(descriptors) != 1:
            return Answer(error="A spawn request brings exactly one descriptor: the start-up pipe.")
        return Answer(workers=(self._fork(request, descriptors[0], connection),))

    def _fork(self, spawn: Spawn, startup_fd: int, connection: socket.socket) -> Born:
        # A signal in the child's first moments must not run our handlers there.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
        try:
            pid = os.fork()
            if pid == 0:
                # Objects of ours would close numbers that are the child's own by then.
                for ours in (self._listener, self._wakeup_r, self._wakeup_w, connection):
                    ours.detach()
                become_worker(spawn, startup_fd, self._entry, self._code)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGCHLD})
        started = start_time(pid)
        assert started is not None  # nobody but us reaps it, and we are here
        born = Born(bot_id=spawn.bot_id, pid=pid, start_time=started)
        self._children[pid] = born
        return born

    def _reap(self) -> None:
        """Write down each exit before the pid is given back: who sees the pid free finds the record there."""
        for child in tuple(self._children.values()):
            try:
                if take_zombie(self._exits_dir, child.pid) is None:
                    continue
            except OSError as failed:
                sys.stderr.write(f"The exit of a worker of bot {child.bot_id} is not recorded: {failed}\n")
            del self._children[child.pid]


def _receive(connection: socket.socket, descriptors: list[int]) -> bytes:
    """One line; what comes along is added to ``descriptors``, which the caller closes."""
    clock = SystemClock()
    deadline = clock.monotonic() + _PATIENCE_S
    line = b""
    while not line.endswith(b"\n"):
        # For the whole line, not for each piece: who sends a byte a second is not waited for either.
        if (left := deadline - clock.monotonic()) <= 0:
            raise TimeoutError("its request took too long")
        connection.settimeout(left)
        chunk, received, _, _ = socket.recv_fds(connection, 65536, _MAX_DESCRIPTORS)
        descriptors.extend(received)
        if not chunk or len(line) > MAX_LINE:
            raise ValueError("it is not one line")
        line += chunk
    return line


def _peer(connection: socket.socket) -> tuple[int, int]:
    """Who connected: pid and uid, as the kernel noted them."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _ = struct.unpack("3i", credentials)
    return int(pid), int(uid)


def _is_contained(pid: int) -> bool:
    """Whether the process gave up gaining privileges and we did not: workers do, and they cannot undo it.

    They have our uid, so that alone would let a captured worker have processes forked. One that is gone counts as
    contained: nobody is left to serve. Where the whole fleet runs without new privileges (a hardened service) nobody
    can be told apart by it.
    """
    return _gave_up_privileges(f"/proc/{pid}/status") and not _gave_up_privileges("/proc/self/status")


def _gave_up_privileges(status: str) -> bool:
    try:
        return "NoNewPrivs:\t0" not in Path(status).read_text()
    except OSError:
        return True
