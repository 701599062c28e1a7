"""Whose a connection is before anybody has logged in: what the kernel says, and what follows for fleets of both kinds."""

import asyncio
import os
import socket
import socketserver
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import landlockpy
import pytest

from hanfleet.core.process import ProcessRef
from hanfleet.core.startup import TelegramServer, WorkerLimits
from hanfleet.kit.clock import SystemClock
from hanfleet.launchers.containment import uid_of
from hanfleet.launchers.process_table import sockets_of
from hanfleet.store.leases import lease_of
from hanfleet.supervisor.callers import Door, at_the_door
from hanfleet.supervisor.door_watch import DoorLimits, DoorWatch
from hanfleet.supervisor.knocks import KnocksByProcess, KnocksByUser, knocks_of
from tests.support.database import SYSTEM, Database
from tests.support.launchers import nobody
from tests.support.waiting import eventually
from tests.support.zygotes import ZygoteProcess, startup_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose a connection is")
MALLORY, ANNA = uid_of("mallory"), uid_of("anna")


def test_the_kernel_tells_whose_a_connection_is(tmp_path: Path) -> None:
    path, other = tmp_path / "server", tmp_path / "other"
    with _listening(path) as server, _listening(other), socket.socket(socket.AF_UNIX) as elsewhere:
        elsewhere.connect(str(other))
        assert at_the_door([str(path)]).callers == {}
        clients = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        accepted = []
        for client in clients:
            client.connect(str(path))
        # The third is still at the door: of a flood most are.
        accepted += [server.accept()[0] for _ in clients[:2]]
        door = at_the_door([str(path)])
        assert door.callers == {_inode(client): os.getuid() for client in clients}
        assert {_inode(each) for each in (server, *accepted)} == door.ends
        for end in (*clients, *accepted):
            end.close()
        assert at_the_door([str(path)]).callers == {}


async def test_under_root_the_uid_names_the_bot() -> None:
    asked = []

    async def bots() -> list[str]:
        asked.append(1)
        return ["mallory", "anna"]

    stranger = uid_of("somebody of another fleet")
    found: dict[int, int] = {}
    knocks = KnocksByUser(["/server"], bots, look=lambda _: Door(found, frozenset()))
    # Root's own are nobody's.
    found |= {1: 0}
    assert await knocks() == {}
    assert not asked
    found |= {2: MALLORY, 3: ANNA, 4: MALLORY, 5: stranger}
    assert await knocks() == {2: "mallory", 3: "anna", 4: "mallory"}


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Where a worker with a uid of its own may go, too."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


async def test_a_contained_worker_shows_its_connections_and_cannot_hide_them(tmp_path: Path, open_folder: Path) -> None:
    """As in an ordinary user's fleet; root may look at its workers, too."""
    path = open_folder / "server"
    with _listening(path), socket.create_server(("127.0.0.1", 0)) as model:
        path.chmod(0o777)
        server = TelegramServer(address=str(path), port=model.getsockname()[1], dc_id=1, public_key_pem="")
        with _zygote(tmp_path) as zygote:
            ref = await _launched(zygote, "knocking-one", server, tmp_path)
            log = tmp_path / "knocking-one.log"
            await eventually(lambda: log.exists() and "ready" in log.read_text(), what="it holds its connections")
            await eventually(lambda: _is_zombie(ref.pid), what="its first thread has ended")
            if os.geteuid() != 0 and landlockpy.abi_version() == 0:
                assert sockets_of(ref) == frozenset()
                return
            assert len(sockets_of(ref)) == 6

            async def workers() -> dict[str, ProcessRef]:
                return {"knocking-one": ref}

            found = await KnocksByProcess([str(path)], workers)()
            assert found == dict.fromkeys(at_the_door([str(path)]).callers, "knocking-one")
            assert len(found) == 3


@pytest.mark.skipif(os.geteuid() != 0 and landlockpy.abi_version() == 0, reason="nobody may look at a worker then")
@pytest.mark.parametrize(
    ("bot_id", "reason"), [("hasty-one", "was seen to connect"), ("knocking-one", "held 3 connections")]
)
async def test_a_worker_that_leaves_log_ins_unfinished_is_found(
    database: Database, tmp_path: Path, open_folder: Path, bot_id: str, reason: str
) -> None:
    """It never tells the server who it is. Known in the ways of whoever runs this test; the server is not the one that
    other tests use, which would be turned away from it.
    """
    path = open_folder / "server"
    for each in ("anna", bot_id):
        await database.add_bot(each)
    shut_out: list[str] = []

    async def end(found: str) -> None:
        shut_out.append(found)

    clock = SystemClock()

    def watching(limits: DoorLimits) -> DoorWatch:
        knocks = knocks_of(database.supervisor, [str(path)])
        return DoorWatch(database.supervisor, knocks, end, clock, limits=limits)

    watch, lifted = watching(DoorLimits(2, 8)), watching(DoorLimits(1_000_000, 1_000_000))
    assert await watch.look() == await lifted.look() == 0
    with _serving(path), socket.create_server(("127.0.0.1", 0)) as model, _zygote(tmp_path) as zygote:
        path.chmod(0o777)
        server = TelegramServer(address=str(path), port=model.getsockname()[1], dc_id=1, public_key_pem="")
        ref = await _launched(zygote, bot_id, server, tmp_path)
        async with database.supervisor.transaction(SYSTEM) as tx:
            await tx.leases.name_holder(lease_of(bot_id), 1, ref)
        async with asyncio.timeout(30):
            while not await watch.look():
                assert await lifted.look() == 0, "it is these limits that find it"
                await clock.sleep(0.001)
    assert shut_out == [bot_id]
    async with database.supervisor.transaction(SYSTEM) as tx:
        [event] = await tx.events.list(bot_id=bot_id, type="error.database.session_ended")
    assert reason in event.data["reason"]
    assert event.data["shut_out"]


class _UntilItHangsUp(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.recv(1)


@contextmanager
def _serving(path: Path) -> Iterator[None]:
    with socketserver.ThreadingUnixStreamServer(str(path), _UntilItHangsUp) as server:
        serving = threading.Thread(target=server.serve_forever, args=[0.01])
        serving.start()
        try:
            yield
        finally:
            server.shutdown()
            serving.join()


@contextmanager
def _zygote(folder: Path) -> Iterator[ZygoteProcess]:
    zygote = ZygoteProcess(folder)
    zygote.start()
    try:
        yield zygote
    finally:
        zygote.clean_up()


async def _launched(zygote: ZygoteProcess, bot_id: str, server: TelegramServer, folder: Path) -> ProcessRef:
    startup = startup_of(bot_id, server=server)
    process = await zygote.launcher().launch(startup, WorkerLimits(), folder / f"{bot_id}.log", nobody)
    zygote.remember(process.ref)
    assert process.ref
    return process.ref


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"


def _inode(end: socket.socket) -> int:
    return os.fstat(end.fileno()).st_ino


@contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield server
