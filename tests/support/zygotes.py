"""Zygotes of tests: a real process that forks the workers of tests/integration/launchers/sample_worker.py."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from pydantic import SecretBytes, SecretStr

from hanfleet.core.process import ProcessRef
from hanfleet.core.startup import TelegramServer, WorkerStartup
from hanfleet.kit.clock import SystemClock
from hanfleet.launchers.port import CommandRoute
from hanfleet.launchers.process.launcher import ProcessLauncher
from hanfleet.launchers.process_table import ProcessHandle, node_name

_ROOT = Path(__file__).parent.parent.parent


def startup_of(bot_id: str, *, epoch: int = 1, server: TelegramServer | None = None) -> WorkerStartup:
    return WorkerStartup(
        bot_id=bot_id,
        epoch=epoch,
        database_url=SecretStr("postgresql://nobody@/nothing"),
        bus_url=None,
        data_keys={1: SecretBytes(bytes(range(32)))},
        telegram_server=server,
    )


class ZygoteProcess:
    """A zygote that a test starts, kills and starts again; ``clean_up`` ends it and every worker it was seen with."""

    def __init__(self, folder: Path, module: str = "tests.integration.launchers.sample_worker") -> None:
        self.socket = folder / "zygote.sock"
        self.exits = folder / "exits"
        self.exits.mkdir(exist_ok=True)
        self.log = folder / "zygote.log"
        self._module = module
        self.process: subprocess.Popen[bytes] | None = None
        self._workers: set[ProcessRef] = set()

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self._module, str(self.socket), str(self.exits)],
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._until_it_answers()

    def _until_it_answers(self) -> None:
        assert self.process
        deadline = time.monotonic() + 30
        while not self._answers():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, "the zygote does not come up"
            time.sleep(0.01)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.socket))
            except (FileNotFoundError, ConnectionRefusedError):
                return False
            return True

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(timeout=10)

    def launcher(self, *, route: CommandRoute | None = None) -> ProcessLauncher:
        return ProcessLauncher(self.socket, self.exits, node=node_name(), clock=SystemClock(), route=route)

    def remember(self, ref: ProcessRef | None) -> None:
        """A worker to be ended by ``clean_up`` even when its zygote is gone by then."""
        if ref:
            self._workers.add(ref)

    def clean_up(self) -> None:
        if self.process and self.process.poll() is None:
            self.kill_workers()
            self.end()
        for ref in self._workers:
            if handle := ProcessHandle.open(ref):
                handle.send(signal.SIGKILL)
                handle.close()

    def kill_workers(self) -> None:
        """Every worker that the living zygote has, and wait until it has reaped them."""
        assert self.process
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        deadline = time.monotonic() + 10
        while pids := children.read_text().split():
            assert time.monotonic() < deadline, "the zygote does not reap"
            for pid in map(int, pids):
                _kill_pid(pid)
            time.sleep(0.01)


def _kill_pid(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
