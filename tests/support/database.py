"""A database per test: a clone of a template that is made once per run, with a store for each kind of principal.

Roles belong to the whole cluster, so all clones share the service roles of one installation; a bot's role is made in its
clone and removed with it.
"""

import fcntl
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from hanfleet.kit.clock import Clock, SystemClock
from hanfleet.store.addresses import connect
from hanfleet.store.admin import Installation, ServicePasswords, ServiceUrls, bootstrap, open_to_fleet
from hanfleet.store.principals import BotPrincipal, OperatorPrincipal, Principal, SystemPrincipal
from hanfleet.store.provisioner import Provisioner
from hanfleet.store.roles import RoleNames
from hanfleet.store.session import Store, Transaction
from hanfleet.store.texts import Texts
from hanfleet.vault import KeyRing

SYSTEM = SystemPrincipal("supervisor")
OPERATOR = OperatorPrincipal("olga")
#: Under which a bot made with ``sealing`` keeps its texts.
SEALING_KEY = bytes(range(32))


@dataclass(frozen=True)
class BotLogIn:
    """A bot with a role of its own: its store, its principal, the epoch of its (unclaimed) lease, its URL."""

    bot_id: str
    epoch: int
    url: str
    role_name: str
    store: Store
    principal: BotPrincipal


@dataclass
class Database:
    """One clone. Stores that it opened are closed with it."""

    name: str
    admin_url: str
    urls: ServiceUrls
    install_id: str
    supervisor: Store
    api: Store
    relay: Store
    provisioner: Provisioner
    clock: Clock
    _stack: AsyncExitStack = field(repr=False)

    async def store(self, url: str, **options: Any) -> Store:
        """One more store on this database."""
        store = Store(url, application_name="test", **{"clock": self.clock, **options})
        self._stack.push_async_callback(store.close)
        return store

    async def add_bot(
        self, bot_id: str = "anna", *, ttl_s: float = 60, sealing: bool = False, **options: Any
    ) -> BotLogIn:
        """A bot that is registered, provisioned and granted a lease. ``sealing``: its store keeps texts sealed."""
        async with self.api.transaction(SYSTEM) as transaction:
            await transaction.bots.add(bot_id, {"name": bot_id.title()})
        async with self.supervisor.transaction(SYSTEM) as transaction:
            epoch = await transaction.leases.grant(f"bot:{bot_id}", ttl_s)
        login = await self.provisioner.rotate(bot_id)
        store = await self.store(login.url, **options)
        if sealing:
            ring = KeyRing(bot_id, {1: SEALING_KEY})
            _seal_texts(store, Texts(ring.seal, ring.open, sealing=True))
        return BotLogIn(bot_id, epoch, login.url, login.role_name, store, BotPrincipal(bot_id))

    async def connect(self, url: str | None = None) -> Any:
        """A raw connection (default: as the superuser), closed with the database."""
        connection = await connect(url or self.admin_url, "test")
        # A bot's is closed when it has nothing to say for a while.
        await connection.execute("SET idle_session_timeout = 0")
        self._stack.push_async_callback(connection.close, timeout=5)
        return connection


def _seal_texts(store: Store, texts: Texts) -> None:
    """Let every transaction of ``store`` work with ``texts``, as a worker's ledger does."""
    begin = store.transaction

    @asynccontextmanager
    async def transaction(principal: Principal) -> AsyncIterator[Transaction]:
        async with begin(principal) as opened:
            opened.use_texts(texts)
            yield opened

    store.transaction = transaction  # type: ignore[method-assign]


async def _template(postgres_url: str, folder: Path) -> dict[str, Any]:
    """Make the run's template, or wait for whoever makes it."""
    with (folder / "database-template.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = folder / "database-template.json"
        if not known.exists():
            passwords = ServicePasswords(*(secrets.token_hex(8) for _ in fields(ServicePasswords)))
            name = f"hf_template_{secrets.token_hex(4)}"
            url = make_url(postgres_url).set(database=name)
            made: Installation = await bootstrap(url.render_as_string(hide_password=False), passwords)
            await _let_in_operator(url.render_as_string(hide_password=False))
            known.write_text(json.dumps({"name": name, "install_id": made.install_id, "urls": vars(made.urls)}))
    result: dict[str, Any] = json.loads(known.read_text())
    return result


async def _let_in_operator(url: str) -> None:
    """OPERATOR has every bot, as the operator of the fleet's first token has."""
    connection = await connect(url, "test database")
    try:
        await connection.execute("INSERT INTO operators (name) VALUES ($1)", OPERATOR.name)
        await connection.execute(
            "INSERT INTO grants (operator, role, granted_by) VALUES ($1, 'owner', 'system:test')", OPERATOR.name
        )
    finally:
        await connection.close(timeout=5)


async def _drop(admin: Any, admin_url: str, name: str) -> None:
    connection = await connect(admin_url, "test database")
    try:
        roles = []
        if await connection.fetchval("SELECT to_regclass('bot_roles') IS NOT NULL"):
            roles = [row["role_name"] for row in await connection.fetch("SELECT role_name::text FROM bot_roles")]
    finally:
        await connection.close(timeout=5)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    for role in roles:
        await admin.execute(f"DROP ROLE IF EXISTS {role}")


async def open_database(postgres_url: str, folder: Path, clock: Clock | None = None) -> AsyncIterator[Database]:
    """Clone the template, give the clone, drop it with the bot roles that were made in it."""
    template = await _template(postgres_url, folder)
    name = f"hf_test_{secrets.token_hex(6)}"
    roles = RoleNames.of(template["install_id"])
    urls = ServiceUrls(
        **{
            service: make_url(url).set(database=name).render_as_string(hide_password=False)
            for service, url in template["urls"].items()
        }
    )
    admin_url = make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    clock = clock or SystemClock()
    async with AsyncExitStack() as cluster:
        admin = await connect(postgres_url, "test database")
        cluster.push_async_callback(admin.close, timeout=5)
        # By files: half the time of going through the log, on a server that never waits for its disk.
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template['name']} STRATEGY FILE_COPY")
        cluster.push_async_callback(_drop, admin, admin_url, name)
        await open_to_fleet(admin, name, roles)
        async with AsyncExitStack() as stack:
            supervisor = Store(urls.supervisor, clock=clock, application_name="test supervisor", pool_size=3)
            stack.push_async_callback(supervisor.close)
            api = Store(urls.api, clock=clock, application_name="test api", pool_size=3)
            stack.push_async_callback(api.close)
            relay = Store(urls.relay, clock=clock, application_name="test relay")
            stack.push_async_callback(relay.close)
            yield Database(
                name=name,
                admin_url=admin_url,
                urls=urls,
                install_id=template["install_id"],
                supervisor=supervisor,
                api=api,
                relay=relay,
                # A test looks at the same bot from several sides.
                provisioner=Provisioner(urls.provisioner, sessions=4),
                clock=clock,
                _stack=stack,
            )


@pytest.fixture
async def database(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Database]:
    """A database of this test's own, with the schema and no rows."""
    folder = tmp_path_factory.getbasetemp()
    if folder.name.startswith("popen-"):  # an xdist worker: the run's folder is one up
        folder = folder.parent
    async for opened in open_database(postgres_url, folder):
        yield opened
