import pytest

from hanfleet.core.config import BotConfig
from hanfleet.core.errors import ConflictError, NotFoundError
from hanfleet.core.process import HealthVerdict, ProcessPhase
from hanfleet.core.states import BotState, DesiredState
from hanfleet.launchers.process_table import is_alive
from hanfleet.supervisor.process_supervisor import ProcessSupervisor
from tests.support.database import SYSTEM
from tests.support.waiting import eventually


def config(bot_id: str) -> BotConfig:
    return BotConfig.model_validate(
        {
            "bot_id": bot_id,
            "name": bot_id,
            "telegram_api_id": 1,
            "telegram_api_hash": "0123456789abcdef",
            "telegram_phone": "+999123456",
        }
    )


async def test_the_given_names_do_what_they_say(rig):
    await rig.add("anna", desired=DesiredState.STOPPED)
    async with rig.running() as fleet:
        supervisor = ProcessSupervisor(rig.database.supervisor, fleet, rig.starter(), rig.clock)
        process = await supervisor.start_bot(config("anna"))
        assert (await process.get_status()).phase is ProcessPhase.ALIVE
        await rig.until("anna", BotState.RUNNING)

        async def healthy():
            return (await supervisor.monitor_health())["anna"].verdict is HealthVerdict.HEALTHY

        await eventually(healthy)
        with pytest.raises(ConflictError):
            await supervisor.cleanup_resources("anna")
        assert await supervisor.restart_bot("anna")
        again = fleet.process_of("anna")
        assert process.ref
        assert again.ref != process.ref
        assert not is_alive(process.ref)
        assert await supervisor.stop_bot("anna")
        assert not await supervisor.stop_bot("anna")
        assert not await supervisor.restart_bot("anna")
        await supervisor.cleanup_resources("anna")
        await supervisor.cleanup_resources("anna")
        # What was cleaned up is made anew.
        await supervisor.start_bot(config("anna"))
        await supervisor.stop_bot("anna")


async def test_bots_that_cannot(rig):
    async with rig.running() as fleet:
        supervisor = ProcessSupervisor(rig.database.supervisor, fleet, rig.starter(), rig.clock)
        with pytest.raises(NotFoundError):
            await supervisor.start_bot(config("nobody"))
        with pytest.raises(NotFoundError):
            await supervisor.stop_bot("nobody")
        async with rig.database.api.transaction(SYSTEM) as tx:
            await tx.bots.add("keyless", {"name": "keyless"})
        with pytest.raises(ConflictError, match="data key"):
            await supervisor.start_bot(config("keyless"))
