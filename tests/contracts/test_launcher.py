"""What launchers/port.py promises, for every launcher: the one of processes and the tests' own."""

import asyncio
from collections.abc import Iterator

import pytest

from hanfleet.core.commands import Command, Ping, Response
from hanfleet.core.errors import ConflictError
from hanfleet.core.process import ProcessPhase, ProcessRef
from hanfleet.core.startup import WorkerLimits
from hanfleet.kit.identity import new_id
from tests.support.launchers import ObedientLauncher, nobody
from tests.support.zygotes import ZygoteProcess, startup_of

LIMITS = WorkerLimits()


async def echo(bot_id: str, command: Command) -> Response:
    return Response(command_id=new_id(), ok=True, data={"bot_id": bot_id, "type": command.type})


@pytest.fixture(params=["process", "imaginary"])
def launcher(request, tmp_path) -> Iterator:
    if request.param == "imaginary":
        yield ObedientLauncher(route=echo)
        return
    zygote = ZygoteProcess(tmp_path)
    zygote.start()
    yield zygote.launcher(route=echo)
    zygote.clean_up()


async def test_launched_worker_is_alive_listed_and_adoptable(launcher, tmp_path):
    process = await launcher.launch(startup_of("sleepy-one"), LIMITS, tmp_path / "log", nobody)
    assert process.bot_id == "sleepy-one"
    assert (await process.get_status()).phase is ProcessPhase.ALIVE
    assert [(seen.bot_id, seen.ref) for seen in await launcher.list()] == [("sleepy-one", process.ref)]
    adopted = await launcher.adopt("sleepy-one", process.ref)
    assert adopted.ref == process.ref
    await adopted.stop(0.5)
    assert (await process.wait()).phase is ProcessPhase.EXITED
    assert await launcher.adopt("sleepy-one", process.ref) is None
    assert await launcher.list() == ()


async def test_handle_before_the_start(launcher, tmp_path):
    process = launcher.prepare(startup_of("sleepy-one"), LIMITS, tmp_path / "log", nobody)
    assert process.ref is None
    assert (await process.get_status()).phase is ProcessPhase.NEVER_STARTED
    assert (await process.stop(1.0)).phase is ProcessPhase.NEVER_STARTED
    with pytest.raises(ConflictError):
        await process.wait()
    with pytest.raises(ConflictError):
        await process.handle_command(Ping())
    await process.start()
    with pytest.raises(ConflictError):
        await process.start()
    await process.stop(0.5)


async def test_stopping_twice_and_waiting_twice_are_harmless(launcher, tmp_path):
    process = await launcher.launch(startup_of("sleepy-one"), LIMITS, tmp_path / "log", nobody)
    both = await asyncio.gather(process.stop(0.5), process.stop(0.5), process.wait())
    assert len({status.exit_status for status in both}) == 1
    assert await process.stop(0.5) == both[0] == await process.wait()


async def test_cancelled_wait_does_not_touch_the_worker(launcher, tmp_path):
    process = await launcher.launch(startup_of("sleepy-one"), LIMITS, tmp_path / "log", nobody)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await process.wait()
    assert (await process.get_status()).phase is ProcessPhase.ALIVE
    await process.stop(0.5)


async def test_born_dying_is_no_error(launcher, tmp_path):
    process = await launcher.launch(startup_of("reauth-one"), LIMITS, tmp_path / "log", nobody)
    status = await process.wait()
    assert (status.phase, status.exit_status) == (ProcessPhase.EXITED, 82)
    with pytest.raises(ConflictError):
        await process.handle_command(Ping())


async def test_command_reaches_the_worker_by_the_route(launcher, tmp_path):
    process = await launcher.launch(startup_of("sleepy-one"), LIMITS, tmp_path / "log", nobody)
    answer = await process.handle_command(Ping())
    assert answer.data == {"bot_id": "sleepy-one", "type": "ping"}
    await process.stop(0.5)


async def test_adopting_a_stranger_gives_nothing(launcher):
    assert await launcher.adopt("sleepy-one", ProcessRef("node", "boot", 1, 1)) is None


async def test_closed_handle_leaves_the_worker_alive(launcher, tmp_path):
    process = await launcher.launch(startup_of("sleepy-one"), LIMITS, tmp_path / "log", nobody)
    process.close()
    again = await launcher.adopt("sleepy-one", process.ref)
    assert again is not None
    await again.stop(0.5)
