"""Connections that belong to no bot yet, as far as the servers know: a flood of unfinished log-ins is somebody's."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from hanfleet.core.errors import StoreUnavailableError
from hanfleet.kit.clock import ManualClock, SystemClock
from hanfleet.launchers.containment import uid_of
from hanfleet.supervisor.callers import callers
from hanfleet.supervisor.door_watch import DoorLimits, DoorWatch
from tests.support.database import SYSTEM, Database

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose a connection is")
MALLORY, ANNA = uid_of("mallory"), uid_of("anna")
LIMITS = DoorLimits(held=3, opened=5)


class Door:
    """A watch over connections that the test makes up, and whom it shut out."""

    def __init__(self, database: Database) -> None:
        self.connections: dict[int, int] = {}
        self.shut_out: list[str] = []
        self.stuck: set[str] = set()
        self.clock = ManualClock()
        self.watch = DoorWatch(
            database.supervisor,
            ("/server",),
            self._end,
            self.clock,
            limits=LIMITS,
            callers_of=lambda _: dict(self.connections),
        )

    async def _end(self, bot_id: str) -> None:
        if bot_id in self.stuck:
            raise StoreUnavailableError("no")
        self.shut_out.append(bot_id)


@pytest.fixture
async def door(database: Database) -> Door:
    await database.add_bot("mallory")
    await database.add_bot("anna")
    return Door(database)


async def test_who_holds_too_many_is_shut_out_and_nobody_else(door: Door, database: Database) -> None:
    # Root's own and an honest bot's are nobody's offence.
    door.connections = {1: ANNA, 2: ANNA, **dict.fromkeys(range(3, 40), 0)}
    assert await door.watch.look() == 0
    door.connections |= dict.fromkeys(range(50, 54), MALLORY)
    assert await door.watch.look() == 1
    assert door.shut_out == ["mallory"]
    async with database.supervisor.transaction(SYSTEM) as tx:
        [event] = await tx.events.list(bot_id="mallory", type="error.database.session_ended")
    assert event.data["reason"] == "It held 4 connections to the servers."
    assert event.data["shut_out"]


async def test_one_that_cannot_be_shut_out_hides_no_other_one_and_is_tried_again(door: Door) -> None:
    door.connections = {**dict.fromkeys(range(4), ANNA), **dict.fromkeys(range(10, 14), MALLORY)}
    door.stuck = {"anna"}
    assert await door.watch.look() == 2
    assert door.shut_out == ["mallory"]
    door.connections, door.stuck = {}, set()
    assert await door.watch.look() == 0
    assert door.shut_out == ["mallory", "anna"]


async def test_who_comes_and_goes_is_counted_and_forgotten_after_the_window(door: Door) -> None:
    assert await door.watch.look() == 0
    for number in range(5):
        door.connections = {number: MALLORY}
        assert await door.watch.look() == 0
    door.clock.advance(60)
    for number in range(5, 10):
        door.connections = {number: MALLORY}
        assert await door.watch.look() == 0
    door.connections = {10: MALLORY}
    assert await door.watch.look() == 1


async def test_what_was_there_before_the_watch_began_was_not_opened_under_its_eyes(door: Door) -> None:
    door.connections = {1: MALLORY, 2: MALLORY, 3: MALLORY}
    for _ in range(4):
        assert await door.watch.look() == 0


def test_the_kernel_tells_whose_a_connection_is(tmp_path: Path) -> None:
    path, other = tmp_path / "server", tmp_path / "other"
    with _listening(path) as server, _listening(other), socket.socket(socket.AF_UNIX) as elsewhere:
        elsewhere.connect(str(other))
        assert callers([str(path)]) == {}
        clients = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        accepted = []
        for client in clients:
            client.connect(str(path))
        # The third is still at the door: of a flood most are.
        accepted += [server.accept()[0] for _ in clients[:2]]
        expected = {os.fstat(client.fileno()).st_ino: os.getuid() for client in clients}
        assert callers([str(path)]) == expected
        for end in (*clients, *accepted):
            end.close()
        assert callers([str(path)]) == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's workers have uids of their own")
async def test_a_worker_that_leaves_log_ins_unfinished_is_found(database: Database) -> None:
    """It never tells the server who it is."""
    await database.add_bot("mallory")
    path = Path(str(make_url(database.admin_url).query["host"])) / ".s.PGSQL.5432"
    shut_out = []

    async def end(bot_id: str) -> None:
        shut_out.append(bot_id)

    watch = DoorWatch(database.supervisor, [str(path)], end, SystemClock())
    attack = (
        "import os, socket, sys\n"
        f"os.setgroups([]); os.setresgid({MALLORY}, {MALLORY}, {MALLORY}); os.setresuid({MALLORY}, {MALLORY}, {MALLORY})\n"
        "held = [socket.socket(socket.AF_UNIX) for _ in range(17)]\n"
        f"for one in held: one.connect({str(path)!r})\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    attacker = subprocess.Popen([sys.executable, "-c", attack], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert attacker.stdin is not None
    assert attacker.stdout is not None
    try:
        assert attacker.stdout.readline() == b"held\n"
        assert await watch.look() == 1
    finally:
        attacker.stdin.close()
        attacker.wait()
        attacker.stdout.close()
    assert shut_out == ["mallory"]


@contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield server
