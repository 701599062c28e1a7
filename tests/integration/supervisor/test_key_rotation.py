"""A data key is replaced beside a running fleet: each bot is restarted once, and its worker knows the new key."""

from hanfleet.control.data_keys import DataKeys
from hanfleet.core.states import BotState, DesiredState
from tests.support.database import SYSTEM
from tests.support.fleets import MASTER, Rig


async def test_a_running_bot_is_restarted_once_and_the_old_key_goes(rig: Rig) -> None:
    owner = await rig.database.store(rig.database.urls.owner)
    keys = DataKeys(owner, MASTER, rig.database.provisioner.fence, rig.clock, patience_s=30)
    async with rig.running():
        await rig.add("anna")
        await rig.add("boris", desired=DesiredState.STOPPED)
        await rig.until("anna", BotState.RUNNING)
        before = await rig.lease("anna")
        for bot_id in ("anna", "boris"):
            done = await keys.rotate(bot_id)
            assert done is not None
            assert (done.done, done.key) == (True, 2)
        await rig.until("anna", BotState.RUNNING)
        assert (await rig.lease("anna")).epoch == before.epoch + 1
        assert (await rig.row("boris")).restart_generation == 0, "what does not run needs no restart"
        async with owner.transaction(SYSTEM) as tx:
            assert [(key.bot_id, key.number) for key in await tx.keys.all()] == [("anna", 2), ("boris", 2)]
        await rig.want("anna", DesiredState.STOPPED)
        await rig.until("anna", BotState.STOPPED)
