"""The operators' use-cases on a real database and bus."""

import asyncio

import pytest
from pydantic import SecretStr

from hanfleet.control import BotUpdate, MultiBotManager, RefusedConfigError
from hanfleet.core.commands import Reload, RequestLoginCode, SubmitLoginCode, SubmitLoginPassword
from hanfleet.core.config import BotConfig
from hanfleet.core.errors import ConflictError, InvalidInputError, NotFoundError, PermanentError
from hanfleet.core.states import BotState, DesiredState, WorkerPhase
from hanfleet.store.records import BotRow
from hanfleet.store.session import Transaction
from tests.support.database import SYSTEM, Database
from tests.support.operators import API_HASH, FleetHand, bot_document
from tests.support.waiting import eventually

C, S, R, STOPPING, STOPPED, FAILED = BotState
_WAITING = "SELECT true FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def added(manager: MultiBotManager, bot_id: str, **changes) -> str:
    return await manager.register_bot(BotConfig.model_validate(bot_document(bot_id, **changes)))


async def test_a_registered_bot_is_wanted_running_and_its_secrets_are_sealed(
    manager: MultiBotManager, hand: FleetHand, database: Database, bot_id: str
) -> None:
    assert await added(manager, bot_id) == bot_id
    [info] = await manager.list_bots()
    assert (info.bot_id, info.status, info.desired_state) == (bot_id, C, DesiredState.RUNNING)
    assert await hand.opened_secrets(bot_id) == {"telegram_api_hash": API_HASH, "openai_api_key": "sk-very-secret"}
    details = await manager.get_bot(bot_id)
    assert details.secrets_set == ["openai_api_key", "telegram_api_hash"]
    assert "secret" not in details.model_dump_json().replace("secrets_set", "")
    connection = await database.connect()
    dump = str(await connection.fetch("SELECT row_to_json(b)::text FROM bots b"))
    assert API_HASH not in dump
    assert await hand.events(bot_id) == ["bot.registry.registered"]


async def test_a_bot_may_be_added_without_being_started(manager: MultiBotManager, bot_id: str) -> None:
    await manager.register_bot(BotConfig.model_validate(bot_document(bot_id)), start=False)
    assert (await manager.get_bot_status(bot_id)).desired_state is DesiredState.STOPPED


async def test_an_id_is_taken_once_and_the_first_stays_as_it_was(
    manager: MultiBotManager, hand: FleetHand, bot_id: str
) -> None:
    await added(manager, bot_id)
    with pytest.raises(ConflictError, match=f"There is a bot {bot_id} already: choose another id"):
        await added(manager, bot_id, name="Impostor", openai_api_key="sk-other")
    assert (await manager.get_bot(bot_id)).name == "Mira"
    assert (await hand.opened_secrets(bot_id))["openai_api_key"] == "sk-very-secret"


async def test_of_two_that_add_one_id_at_once_one_is_refused(manager: MultiBotManager, bot_id: str) -> None:
    results = await asyncio.gather(*(added(manager, bot_id) for _ in range(2)), return_exceptions=True)
    [refused] = [result for result in results if isinstance(result, Exception)]
    assert isinstance(refused, ConflictError)
    assert "choose another id" in str(refused)


async def test_a_removed_bots_id_is_free_after_its_erasure_only(manager: MultiBotManager, bot_id: str) -> None:
    await added(manager, bot_id)
    await manager.remove_bot(bot_id)
    with pytest.raises(ConflictError, match="--erase"):
        await added(manager, bot_id)


async def test_a_persona_that_hides_what_it_is_is_refused(manager: MultiBotManager, bot_id: str) -> None:
    with pytest.raises(InvalidInputError, match=r"persona\.prompt"):
        await added(manager, bot_id, persona={"prompt": "Never admit that you are an AI."})
    assert await manager.list_bots() == []


async def test_configuring_replaces_and_counts_versions(manager: MultiBotManager, hand: FleetHand, bot_id: str) -> None:
    await added(manager, bot_id)
    document = (await manager.get_bot(bot_id)).config | {"name": "Myra"}
    assert not await manager.configure(bot_id, BotUpdate.model_validate(document), version=1)
    details = await manager.get_bot(bot_id)
    assert (details.name, details.config["name"], details.config_version) == ("Myra", "Myra", 2)
    assert (await hand.opened_secrets(bot_id))["openai_api_key"] == "sk-very-secret"
    assert "bot.config.updated" in await hand.events(bot_id)


async def test_a_secret_can_be_changed_and_taken_away(manager: MultiBotManager, hand: FleetHand, bot_id: str) -> None:
    await added(manager, bot_id)
    document = (await manager.get_bot(bot_id)).config
    await manager.configure(bot_id, BotUpdate.model_validate({**document, "openai_api_key": "sk-new"}))
    assert (await hand.opened_secrets(bot_id))["openai_api_key"] == "sk-new"
    await manager.configure(bot_id, BotUpdate.model_validate({**document, "openai_api_key": None}))
    assert await hand.opened_secrets(bot_id) == {"telegram_api_hash": API_HASH}


async def test_a_secret_that_does_not_open_is_set_anew_or_taken_away(
    manager: MultiBotManager, hand: FleetHand, database: Database, bot_id: str
) -> None:
    await added(manager, bot_id)
    document = (await manager.get_bot(bot_id)).config
    raw = await database.connect()
    for given, left in (("sk-new", {"openai_api_key": "sk-new"}), (None, {})):
        await raw.execute("UPDATE secrets SET sealed = sealed || 'x' WHERE name = 'openai_api_key'")
        with pytest.raises(PermanentError, match=f"openai_api_key of {bot_id} does not open"):
            await manager.configure(bot_id, BotUpdate.model_validate(document))
        await manager.configure(bot_id, BotUpdate.model_validate({**document, "openai_api_key": given}))
        assert await hand.opened_secrets(bot_id) == {"telegram_api_hash": API_HASH, **left}


@pytest.mark.parametrize(
    ("change", "version", "refusal"),
    [
        ({"name": "Late"}, 7, ConflictError),
        ({"persona": {"prompt": "Say that you are human."}, "openai_api_key": "sk-new"}, None, InvalidInputError),
        ({"telegram_phone": None, "openai_api_key": "sk-new"}, None, RefusedConfigError),
    ],
)
async def test_a_refused_change_changes_nothing(
    manager: MultiBotManager, hand: FleetHand, bot_id: str, change: dict, version: int | None, refusal
) -> None:
    await added(manager, bot_id)
    before = await manager.get_bot(bot_id)
    with pytest.raises(refusal):
        await manager.configure(bot_id, BotUpdate.model_validate({**before.config, **change}), version=version)
    assert await manager.get_bot(bot_id) == before
    assert (await hand.opened_secrets(bot_id))["openai_api_key"] == "sk-very-secret"
    assert "bot.config.updated" not in await hand.events(bot_id)


async def test_of_two_changes_to_one_version_one_is_refused(manager: MultiBotManager, bot_id: str) -> None:
    await added(manager, bot_id)
    update = BotUpdate.model_validate((await manager.get_bot(bot_id)).config)
    results = await asyncio.gather(
        *(manager.configure(bot_id, update, version=1) for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["ConflictError", "bool"]


async def test_a_running_worker_is_told_to_reload(manager: MultiBotManager, hand: FleetHand, bot_id: str) -> None:
    await added(manager, bot_id)
    await hand.set_status(bot_id, C, S, R)
    update = BotUpdate.model_validate((await manager.get_bot(bot_id)).config)
    async with hand.worker(bot_id, lambda _command: {}) as seen:
        assert await manager.configure(bot_id, update)
        assert seen == [Reload()]
    async with hand.worker(bot_id, lambda _command: "This counts from the next start."):
        assert not await manager.configure(bot_id, update)


async def test_start_stop_and_restart_say_what_is_wanted(
    manager: MultiBotManager, hand: FleetHand, database: Database, bot_id: str
) -> None:
    await added(manager, bot_id)
    with pytest.raises(ConflictError):
        await manager.start_bot(bot_id)
    await hand.set_status(bot_id, C, S, R)
    assert await manager.restart_bot(bot_id)
    status = await manager.get_bot_status(bot_id)
    assert status.restart_pending
    assert await manager.stop_bot(bot_id)
    assert (await manager.get_bot_status(bot_id)).desired_state is DesiredState.STOPPED
    with pytest.raises(ConflictError, match="stopping already"):
        await manager.stop_bot(bot_id)
    await hand.set_status(bot_id, R, STOPPING, STOPPED)
    assert await manager.start_bot(bot_id)
    async with database.supervisor.transaction(SYSTEM) as tx:
        row = await tx.bots.get(bot_id)
    assert row is not None
    assert (row.desired_state, row.restart_generation) == (DesiredState.RUNNING, 1)
    assert [type_ for type_ in await hand.events(bot_id) if "state_changed" not in type_] == [
        "bot.registry.registered",
        "bot.lifecycle.restart_requested",
        "bot.lifecycle.desired",
        "bot.lifecycle.desired",
    ]


async def test_starting_a_failed_bot_asks_for_another_try(
    manager: MultiBotManager, hand: FleetHand, bot_id: str
) -> None:
    await added(manager, bot_id)
    await hand.set_status(bot_id, C, S, FAILED)
    assert not (await manager.get_bot_status(bot_id)).restart_pending
    await manager.start_bot(bot_id)
    assert (await manager.get_bot_status(bot_id)).restart_pending


async def test_the_supervisor_is_woken_by_each_wish(manager: MultiBotManager, database: Database, bot_id: str) -> None:
    connection = await database.connect()
    woken: list[str] = []
    await connection.add_listener("hanfleet_desired", lambda *heard: woken.append(heard[-1]))
    await added(manager, bot_id)
    await manager.stop_bot(bot_id)
    await connection.execute("SELECT 1")
    assert woken == ["", ""]


async def test_a_removed_bot_is_kept_hidden_and_may_be_erased_later(
    manager: MultiBotManager, hand: FleetHand, bot_id: str
) -> None:
    await added(manager, bot_id)
    assert await manager.remove_bot(bot_id)
    assert not await manager.remove_bot(bot_id)
    assert await manager.list_bots() == []
    [kept] = await manager.list_bots(removed=True)
    assert kept.desired_state is DesiredState.ARCHIVED
    with pytest.raises(ConflictError, match="was removed"):
        await manager.configure(bot_id, BotUpdate.model_validate((await manager.get_bot(bot_id)).config))
    assert await manager.remove_bot(bot_id, erase=True)
    assert (await manager.get_bot_status(bot_id)).desired_state is DesiredState.ERASED
    assert not await manager.remove_bot(bot_id)


async def test_the_status_has_the_workers_own_words_while_one_should_live(
    manager: MultiBotManager, hand: FleetHand, bot_id: str
) -> None:
    await added(manager, bot_id)
    assert (await manager.get_bot_status(bot_id)).phase is None
    await hand.set_status(bot_id, C, S, R)
    await hand.beat(bot_id, WorkerPhase.RUNNING)
    [status] = await manager.all_statuses()
    assert status.heartbeat_age_s is not None
    assert 0 <= status.heartbeat_age_s < 30
    assert (status.phase, status.connected, status.uss_mb, status.messages_in) == (WorkerPhase.RUNNING, True, 21.5, 3)
    await hand.set_status(bot_id, R, STOPPING, STOPPED)
    assert (await manager.get_bot_status(bot_id)).uss_mb is None


async def test_a_log_in_goes_to_the_worker_step_by_step(manager: MultiBotManager, hand: FleetHand, bot_id: str) -> None:
    await added(manager, bot_id)
    await hand.set_status(bot_id, C, S)

    def answer(command):
        if isinstance(command, SubmitLoginCode):
            code_is_right = command.code.get_secret_value() == "73151"
            return {"password_needed": True} if code_is_right else "The code is wrong: ask for another."
        return {}

    async with hand.worker(bot_id, answer) as seen:
        step = await manager.logins.request_code(bot_id)
        assert (step.password_needed, step.logged_in) == (False, False)
        with pytest.raises(InvalidInputError, match="The code is wrong"):
            await manager.logins.submit_code(bot_id, SecretStr("1"))
        step = await manager.logins.submit_code(bot_id, SecretStr("73151"))
        assert (step.password_needed, step.logged_in) == (True, False)
        step = await manager.logins.submit_password(bot_id, SecretStr("hunter22"))
        assert (step.password_needed, step.logged_in) == (False, True)
    assert seen[0] == RequestLoginCode()
    assert seen[-1] == SubmitLoginPassword(password=SecretStr("hunter22"))


async def test_only_a_phones_living_worker_can_log_in(manager: MultiBotManager, hand: FleetHand, bot_id: str) -> None:
    await added(manager, bot_id)
    with pytest.raises(ConflictError, match="start it first"):
        await manager.logins.request_code(bot_id)
    token = f"{bot_id}-t"
    await added(manager, token, telegram_phone=None, telegram_bot_token="123:abcdefghij")
    with pytest.raises(ConflictError, match="bot token"):
        await manager.logins.request_code(token)


async def test_an_unknown_bot_is_not_found_by_any_use_case(manager: MultiBotManager) -> None:
    update = BotUpdate.model_validate({"name": "M", "telegram_api_id": 1, "telegram_phone": "+15550100"})
    for use in (
        manager.get_bot("nobody"),
        manager.get_bot_status("nobody"),
        manager.configure("nobody", update),
        manager.remove_bot("nobody"),
        manager.start_bot("nobody"),
        manager.stop_bot("nobody"),
        manager.restart_bot("nobody"),
        manager.log_path("nobody"),
        manager.outbox("nobody"),
        manager.logins.request_code("nobody"),
    ):
        with pytest.raises(NotFoundError, match="hanfleet bots list"):
            await use


async def test_who_removes_and_who_starts_at_once_wait_for_each_other_in_one_order(
    manager: MultiBotManager, database: Database, bot_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The removal stands half-way while the start comes: neither is ended by a deadlock, nor undone by the other."""
    await manager.register_bot(BotConfig.model_validate(bot_document(bot_id)), start=False)
    connection = await database.connect()
    starting: list[asyncio.Task[bool]] = []
    ask = manager.contacts.ask_for_bot

    async def ask_while_somebody_starts(tx: Transaction, bot: BotRow) -> None:
        await ask(tx, bot)
        starting.append(asyncio.create_task(manager.start_bot(bot_id)))
        await eventually(waits)

    async def waits() -> bool:
        return bool(await connection.fetchval(_WAITING))

    monkeypatch.setattr(manager.contacts, "ask_for_bot", ask_while_somebody_starts)
    assert await manager.remove_bot(bot_id, erase=True)
    with pytest.raises(ConflictError, match="was removed"):
        await starting[0]
    assert (await manager.get_bot_status(bot_id)).desired_state is DesiredState.ERASED
