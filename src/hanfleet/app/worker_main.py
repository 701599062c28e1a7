"""The composition root of one worker: opens what the bot stands in, runs it, tells by an exit status how it ended.

This module is loaded by the zygote before it forks, so everything that a worker will need is imported here, at the
top; an import after the fork would cost each worker its own copy.
"""

import asyncio
import gc
import os
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import TypeVar

import hanfleet.llm.openai_model
import hanfleet.transports.telegram.transport  # noqa: F401 - loaded by name later; see above
from hanfleet.bus.connection import open_bus
from hanfleet.bus.ipc import IPCManager
from hanfleet.core.config import BotConfig
from hanfleet.core.errors import BotFailure, ConflictError, HanfleetError
from hanfleet.core.failures import CLEAN_EXIT, FailureKind
from hanfleet.core.process import ProcessRef
from hanfleet.core.startup import WorkerStartup
from hanfleet.kit.clock import SystemClock
from hanfleet.kit.logging import configure_logging, get_logger
from hanfleet.launchers.process_table import node_name, ref_of
from hanfleet.llm import Model, make_model
from hanfleet.store.principals import BotPrincipal
from hanfleet.store.session import Store
from hanfleet.store.texts import Texts
from hanfleet.transports import Transport, TransportCallbacks, TransportSettings, make_transport
from hanfleet.vault.key_ring import KeyRing
from hanfleet.worker.endings import failure_kind, failure_words
from hanfleet.worker.instance import BotInstance, Surroundings
from hanfleet.worker.lease import LeaseKeeper
from hanfleet.worker.ledger import Ledger, StoreLedger
from hanfleet.worker.settings import load_config

_RELEASE_WITHIN_S = 2.0
_log = get_logger("worker")


T = TypeVar("T")
WrapLedger = Callable[[Ledger], Ledger]
WrapTransport = Callable[[Transport], Transport]


def _bare(part: T) -> T:
    return part


def run(startup: WorkerStartup, *, wrap_ledger: WrapLedger = _bare, wrap_transport: WrapTransport = _bare) -> int:
    """Be the worker that ``startup`` describes, until SIGTERM or a failure; gives the exit status (core.failures).

    The wrappers let a caller look at every transaction and every request of the worker.
    """
    configure_logging("worker")
    # What was made until now stays for good; looking through it again and again would only copy shared pages.
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    with asyncio.Runner() as runner:
        try:
            runner.run(_until_signal(startup, wrap_ledger, wrap_transport))
        except BaseException as ended:  # noqa: BLE001 - whatever it is becomes an exit status
            kind = failure_kind(ended)
            reason = failure_words(ended)
            # A traceback helps with our own errors only; the others say in words what happened.
            trace = ended if kind is FailureKind.BUG else None
            _log.error("the worker ended", bot_id=startup.bot_id, kind=kind, reason=reason, exc_info=trace)
            return kind.exit_status
    _log.info("the worker ended in order", bot_id=startup.bot_id)
    return CLEAN_EXIT


async def _until_signal(startup: WorkerStartup, wrap_ledger: WrapLedger, wrap_transport: WrapTransport) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    async with compose(startup, stopping, wrap_ledger=wrap_ledger, wrap_transport=wrap_transport) as instance:
        await instance.run()


@asynccontextmanager
async def compose(
    startup: WorkerStartup,
    stopping: asyncio.Event,
    *,
    wrap_ledger: WrapLedger = _bare,
    wrap_transport: WrapTransport = _bare,
) -> AsyncIterator[BotInstance]:
    """Claim the lease, read the configuration, and put a bot together that is ready to run until ``stopping`` is set.

    On the way out everything is closed and the lease given back, unless somebody else has it.
    """
    bot_id, clock, chance = startup.bot_id, SystemClock(), random.SystemRandom()

    def connect(settings: TransportSettings, callbacks: TransportCallbacks) -> Transport:
        return wrap_transport(make_transport("telegram", settings, callbacks, clock=clock))

    def model_of(config: BotConfig) -> Model:
        return make_model(config.llm, config.openai_api_key, clock=clock, chance=chance)

    async with AsyncExitStack() as stack:
        store = Store(startup.database_url.get_secret_value(), clock=clock, application_name="hanfleet worker")
        stack.push_async_callback(store.close)
        await _check_schema(store, bot_id)
        ring = KeyRing(bot_id, {number: key.get_secret_value() for number, key in startup.data_keys.items()})
        texts = Texts(ring.seal, ring.open)
        ledger = wrap_ledger(StoreLedger(store, bot_id, texts))
        lease = LeaseKeeper(bot_id, ledger, epoch=startup.epoch, ttl_s=startup.lease_ttl_s, clock=clock)
        await lease.claim(_ourselves())
        stack.push_async_exit(partial(_release, lease))
        config = await load_config(ledger, bot_id, ring.open)
        queue = None
        if startup.bus_url is not None:
            bus = await stack.enter_async_context(open_bus(startup.bus_url.get_secret_value(), clock=clock))
            queue = IPCManager(bus).setup_message_queue(bot_id, unseal=partial(ring.open, "command"))
        around = Surroundings(
            ledger=ledger,
            lease=lease,
            make_transport=connect,
            make_model=model_of,
            seal=ring.seal,
            open_=ring.open,
            texts=texts,
            queue=queue,
            server=startup.telegram_server,
            heartbeat_s=startup.heartbeat_s,
            clock=clock,
            chance=chance,
        )
        yield BotInstance(bot_id, config, around, stopping)


async def _check_schema(store: Store, bot_id: str) -> None:
    try:
        await store.run(BotPrincipal(bot_id), lambda tx: tx.schema.check())
    except ConflictError as foreign:
        # After the upgrade a restart does heal it.
        raise BotFailure(FailureKind.TRANSIENT, str(foreign)) from foreign


def _ourselves() -> ProcessRef:
    us = ref_of(os.getpid(), node_name())
    assert us is not None, "this process is in the process table"
    return us


async def _release(lease: LeaseKeeper, _kind: object, error: BaseException | None, _trace: object) -> bool:
    """Give the lease back, unless it is not ours any more. What cannot be told in time expires by itself."""
    if error is None or failure_kind(error) is not FailureKind.FENCED:
        with suppress(HanfleetError, TimeoutError):
            async with asyncio.timeout(_RELEASE_WITHIN_S):
                await lease.release()
    return False
