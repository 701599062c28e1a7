"""Real zygotes and real workers: birth, containment, death, and everybody's death in turn."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import landlockpy
import pytest

from hanfleet.core.errors import ConflictError, TemporaryError
from hanfleet.core.failures import FailureKind, failure_of_exit
from hanfleet.core.process import ProcessPhase, ProcessRef
from hanfleet.core.startup import TelegramServer, WorkerLimits
from hanfleet.launchers.containment import uid_of
from hanfleet.launchers.exit_records import read_exit
from hanfleet.launchers.process_table import is_alive
from tests.support.launchers import nobody
from tests.support.waiting import eventually
from tests.support.zygotes import ZygoteProcess, startup_of

LIMITS = WorkerLimits()


async def _launch(zygote: ZygoteProcess, bot_id: str, tmp_path: Path):
    process = await zygote.launcher().launch(startup_of(bot_id), LIMITS, tmp_path / f"{bot_id}.log", nobody)
    zygote.remember(process.ref)
    return process


async def _ready(tmp_path: Path, bot_id: str) -> None:
    log = tmp_path / f"{bot_id}.log"
    await eventually(lambda: log.exists() and "ready" in log.read_text(), what=f"{bot_id} is ready")


async def test_worker_gets_its_startup_and_drains_on_request(zygote, tmp_path):
    process = await _launch(zygote, "sleepy-one", tmp_path)
    await _ready(tmp_path, "sleepy-one")
    assert (await process.get_status()).phase is ProcessPhase.ALIVE
    status = await process.stop(5.0)
    assert (status.phase, status.exit_status) == (ProcessPhase.EXITED, 0)
    assert "drained" in (tmp_path / "sleepy-one.log").read_text()


async def test_a_worker_knows_nothing_before_it_is_named(zygote, tmp_path):
    """Its naming fails, as when the database is away or its supervisor dies: it ends, and was nobody."""
    born: list[ProcessRef] = []

    async def fail(ref: ProcessRef) -> None:
        assert [seen.ref for seen in await zygote.launcher().list()] == [ref]
        born.append(ref)
        raise ConflictError("somebody else")

    log = tmp_path / "sleepy-one.log"
    with pytest.raises(ConflictError):
        await zygote.launcher().launch(startup_of("sleepy-one"), LIMITS, log, fail)
    [ref] = born
    await eventually(lambda: not is_alive(ref), what="the nameless one ends")
    status = await eventually(lambda: read_exit(zygote.exits, ref.pid, ref.start_time))
    assert failure_of_exit(status) is FailureKind.TRANSIENT
    assert "ready" not in log.read_text()


async def test_a_worker_that_dies_while_it_is_named_is_no_error(zygote, tmp_path):
    async def kill(ref: ProcessRef) -> None:
        os.kill(ref.pid, signal.SIGKILL)
        await eventually(lambda: not is_alive(ref))

    process = await zygote.launcher().launch(startup_of("sleepy-one"), LIMITS, tmp_path / "log", kill)
    assert (await process.wait()).exit_status == -signal.SIGKILL


async def test_worker_that_does_not_drain_is_killed(zygote, tmp_path):
    process = await _launch(zygote, "stubborn-one", tmp_path)
    await _ready(tmp_path, "stubborn-one")
    assert (await process.stop(0.2)).exit_status == -signal.SIGKILL


async def test_stopped_worker_is_killed_after_the_drain_time(zygote, tmp_path):
    process = await _launch(zygote, "sleepy-one", tmp_path)
    await _ready(tmp_path, "sleepy-one")
    os.kill(process.ref.pid, signal.SIGSTOP)
    assert (await process.stop(0.2)).exit_status == -signal.SIGKILL


async def test_exit_status_tells_the_failure(zygote, tmp_path):
    reauth = await (await _launch(zygote, "reauth-one", tmp_path)).wait()
    assert failure_of_exit(reauth.exit_status) is FailureKind.REAUTH
    raising = await (await _launch(zygote, "raising-one", tmp_path)).wait()
    assert failure_of_exit(raising.exit_status) is FailureKind.BUG
    assert "on purpose" in (tmp_path / "raising-one.log").read_text()


@pytest.mark.skipif(landlockpy.abi_version() < 6, reason="needs Landlock with signal scope")
async def test_worker_is_shut_in(zygote, tmp_path):
    secret = tmp_path / "another-bots-secret"
    secret.write_text("secret")
    server = TelegramServer(address=str(secret), port=os.getpid(), dc_id=1, public_key_pem="")
    process = await zygote.launcher().launch(
        startup_of("curious-one", server=server), LIMITS, tmp_path / "curious-one.log", nobody
    )
    assert (await process.wait()).exit_status == 0, (tmp_path / "curious-one.log").read_text()
    line = next(x for x in (tmp_path / "curious-one.log").read_text().splitlines() if x.startswith("found "))
    found = json.loads(line.removeprefix("found "))
    # The fourth descriptor is the listing's own.
    assert found.pop("descriptors") == [0, 1, 2, 3]
    as_root = os.geteuid() == 0
    assert found.pop("uid") == (uid_of("curious-one") if as_root else os.getuid())
    # An environment below a folder that only root may enter is not reachable for the bot's own uid.
    assert found.pop("reads_environment") or as_root
    assert found == {
        "session_leader": True,
        "reads_foreign_file": False,
        "writes_foreign_file": False,
        "signals_foreign_process": False,
        "looks_into_foreign_process": False,
        "listens": False,
        "looks_into_home": True,
        "reads_itself": True,
        "makes_process": False,
        "makes_thread": True,
        "interrupt_ignored": True,
        "term_default": True,
        "key": bytes(range(32)).hex(),
    }


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels count otherwise")
async def test_memory_that_is_no_data_to_the_kernel_is_limited_too(zygote, tmp_path):
    process = await _launch(zygote, "greedy-one", tmp_path)
    assert (await process.wait()).exit_status == 0, (tmp_path / "greedy-one.log").read_text()
    line = next(x for x in (tmp_path / "greedy-one.log").read_text().splitlines() if x.startswith("took "))
    assert 512 <= int(line.removeprefix("took ")) <= 1024


async def test_killed_zygote_leaves_workers_and_a_new_one_takes_over(zygote, tmp_path):
    process = await _launch(zygote, "sleepy-one", tmp_path)
    await _ready(tmp_path, "sleepy-one")
    zygote.end(signal.SIGKILL)
    assert is_alive(process.ref)
    with pytest.raises(TemporaryError):
        await _launch(zygote, "sleepy-two", tmp_path)
    zygote.start()
    assert await zygote.launcher().list() == ()
    adopted = await zygote.launcher().adopt("sleepy-one", process.ref)
    assert adopted is not None
    second = await _launch(zygote, "sleepy-two", tmp_path)
    await _ready(tmp_path, "sleepy-two")
    assert [seen.ref for seen in await zygote.launcher().list()] == [second.ref]
    status = await adopted.stop(5.0)
    # Nobody wrote a record: whoever reaped it, it was no process of ours.
    assert (status.phase, status.exit_status) == (ProcessPhase.EXITED, None)
    assert not is_alive(process.ref)
    await second.stop(5.0)


async def test_zygote_that_is_told_to_stop_leaves_its_workers(zygote, tmp_path):
    process = await _launch(zygote, "sleepy-one", tmp_path)
    await _ready(tmp_path, "sleepy-one")
    assert zygote.end() == 0
    assert not zygote.socket.exists()
    assert (await process.get_status()).phase is ProcessPhase.ALIVE
    await process.stop(5.0)


async def test_second_zygote_on_the_same_socket_refuses(zygote, tmp_path):
    second = subprocess.run(
        [sys.executable, "-m", "tests.integration.launchers.sample_worker", str(zygote.socket), str(zygote.exits)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert second.returncode != 0
    assert ConflictError.__name__ in second.stderr.decode()
    await (await _launch(zygote, "clean-one", tmp_path)).wait()


async def test_zygote_survives_senseless_requests(zygote, tmp_path):
    import socket

    for nonsense in (b"hello\n", b'{"op":"spawn","bot_id":"x"}\n', b""):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(zygote.socket))
            connection.sendall(nonsense)
            connection.shutdown(socket.SHUT_WR)
            assert b"error" in connection.recv(65536)
    assert (await (await _launch(zygote, "clean-one", tmp_path)).wait()).exit_status == 0


async def test_zygote_keeps_no_descriptor(zygote, tmp_path):
    await (await _launch(zygote, "clean-one", tmp_path)).wait()
    before = _entries(f"/proc/{zygote.process.pid}/fd")
    for number in range(5):
        await (await _launch(zygote, f"clean-{number}", tmp_path)).wait()
    assert _entries(f"/proc/{zygote.process.pid}/fd") == before
    assert _entries(f"/proc/{zygote.process.pid}/task") == 1


async def test_recycled_pid_is_neither_adopted_nor_signalled(zygote, tmp_path):
    process = await _launch(zygote, "sleepy-one", tmp_path)
    await _ready(tmp_path, "sleepy-one")
    older = ProcessRef(process.ref.node, process.ref.boot_id, process.ref.pid, process.ref.start_time - 1)
    rebooted = ProcessRef(process.ref.node, "another boot", process.ref.pid, process.ref.start_time)
    elsewhere = ProcessRef("another node", process.ref.boot_id, process.ref.pid, process.ref.start_time)
    for ref in (older, rebooted, elsewhere):
        assert await zygote.launcher().adopt("sleepy-one", ref) is None
    assert not is_alive(older)
    assert is_alive(process.ref)
    await process.stop(5.0)


async def test_log_is_nobodys_but_the_users(zygote, tmp_path):
    await (await _launch(zygote, "clean-one", tmp_path)).wait()
    assert (tmp_path / "clean-one.log").stat().st_mode & 0o077 == 0


def _entries(folder: str) -> int:
    return len(list(Path(folder).iterdir()))


async def test_a_contained_process_of_our_own_user_may_ask_the_zygote_nothing(zygote, tmp_path):
    """What a captured worker would try: it has the fleet's uid, and reaches the socket by its path."""
    asking = (
        "import ctypes, socket, sys\n"
        "ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)\n"  # PR_SET_NO_NEW_PRIVS, as containment.py does
        "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
        "print(s.recv(65536).decode())\n"  # refused before a word, so nobody waits for it
    )
    answer = subprocess.run(
        [sys.executable, "-c", asking, str(zygote.socket)], check=True, capture_output=True, text=True, timeout=30
    ).stdout
    assert "A contained process may not ask the zygote." in answer
    assert await zygote.launcher().list() == ()
