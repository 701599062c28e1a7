"""PostgreSQL as a child of ours: initdb once, our own configuration at each start, one socket, passwords only.

The configuration is ours and is written anew each time, outside the data folder: as root the data folder belongs to
the server's account, and root must not write where another account can put links. Refuses TCP, password-less
log-ins and statements in the log.
"""

import asyncio
import os
import signal
import struct
from pathlib import Path
from urllib.parse import quote

from hanfleet.app.embedded.binaries import postgres_programs
from hanfleet.app.embedded.server import CLEAN_ENVIRONMENT, EmbeddedServer
from hanfleet.app.folders import remove_tree, write_private
from hanfleet.app.home import Home
from hanfleet.app.readiness import last_words
from hanfleet.app.spawn import spawn
from hanfleet.core.errors import PermanentError

ADMIN = "admin"
_SECRET = "postgres.admin"  # noqa: S105 - the secret's name
# The fleet's own parts need 40; a captured worker has descriptors for under a hundred log-ins that it does not finish.
_HEADROOM = 140
_PROTOCOL_3_0 = 196608
_SOCKET = ".s.PGSQL.5432"

# Workers of any account may connect, and all have to prove who they are. Replication is not for anyone, and what every
# server has besides the fleet's database is the administrator's: there nothing was taken from PUBLIC, such as advisory
# locks, large objects and writing to the log.
_HBA = f"""\
local postgres,template1 {ADMIN} scram-sha-256
local postgres,template0,template1 all reject
local all all scram-sha-256
"""

_CONFIGURATION = """\
# Written by hanfleet at each start: changes belong into the product, or into ALTER SYSTEM.
data_directory = '{data}'
hba_file = '{hba}'
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0777
max_connections = {connections}
# Who only says hello takes a connection for that long.
authentication_timeout = 5s
password_encryption = scram-sha-256
shared_buffers = 48MB
work_mem = 4MB
maintenance_work_mem = 32MB
huge_pages = off
# POSIX shared memory would vanish with a log-out of our user (systemd's RemoveIPC).
dynamic_shared_memory_type = mmap
# Three processes less; one small server's reads come from its cache.
io_method = sync
jit = off
# What a query of several processes takes is in none of its session's numbers, and any role may ask for one.
max_worker_processes = 0
max_logical_replication_workers = 0
autovacuum_max_workers = 2
# Room for locks that only SERIALIZABLE takes, which nobody asks for: three megabytes for so many connections.
max_pred_locks_per_transaction = 10
wal_level = minimal
max_wal_senders = 0
min_wal_size = 32MB
max_wal_size = 256MB
checkpoint_timeout = 10min
fsync = {durable}
synchronous_commit = {durable}
full_page_writes = {durable}
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
default_text_search_config = 'pg_catalog.simple'
# No statement and no value reaches the log: they hold what people wrote.
log_statement = none
log_min_error_statement = panic
log_error_verbosity = terse
log_checkpoints = off
log_line_prefix = '%m [%p] %q%u@%d '
"""


class EmbeddedPostgres(EmbeddedServer):
    """The database server of one home. ``bots`` sizes the number of connections."""

    name = "postgres"
    # SIGTERM would wait for every client to leave.
    stop_signal = signal.SIGINT
    # One value of a statement may have a gigabyte, and be gone before the supervisor's watch looks.
    largest_process_bytes = 512 << 20

    def __init__(self, home: Home, *, bots: int = 50, durable: bool = True) -> None:
        """``durable=False`` gives up safety against power cuts for speed: for tests only."""
        super().__init__(home)
        self._connections = 2 * bots + _HEADROOM
        self._durable = durable

    @property
    def data(self) -> Path:
        return super().data / "data"

    @property
    def pid_file(self) -> Path:
        """Names the server's first process, the parent of those that serve a client."""
        return self.data / "postmaster.pid"

    @property
    def sockets(self) -> Path:
        return self._home.socket_folder("postgres")

    @property
    def url(self) -> str:
        """How the bootstrap role (a superuser) logs in."""
        password = self._home.secrets.get_or_make(_SECRET)
        return f"postgresql://{ADMIN}:{password}@/postgres?host={quote(str(self.sockets))}"

    async def _prepare(self) -> list[str]:
        programs = postgres_programs(self._account)
        if not (self.data / "PG_VERSION").exists():
            self._refuse_loss()
            await self._initialise(programs)
        elif self._home.secrets.get(_SECRET) is None:
            raise PermanentError(
                f"The database of this home is in {self.data}, but {self._home.path}/secrets.json does not hold its"
                " password: put secrets.json and master.key back from a backup, or remove"
                f" {self._home.servers} to begin anew without the bots and conversations that are in it."
            )
        self._forget_strangers()
        servers = self._home.servers
        hba, configuration = servers / "pg_hba.conf", servers / "postgresql.conf"
        durable = "on" if self._durable else "off"
        text = _CONFIGURATION.format(
            data=_quoted(self.data),
            hba=_quoted(hba),
            sockets=_quoted(self.sockets),
            connections=self._connections,
            durable=durable,
        )
        write_private(hba, _HBA, mode=0o644)
        write_private(configuration, text, mode=0o644)
        return [str(programs / "postgres"), "-D", str(self.data), "-c", f"config_file={configuration}"]

    def _refuse_loss(self) -> None:
        """The master key is made once there is a database: a home that has both secrets had one before."""
        if self._home.master_key.exists() and self._home.secrets.get(_SECRET) is not None:
            raise PermanentError(
                f"The database of this home is missing from {self.data}: put it back, or, to begin anew without the"
                f" bots and conversations that were in it, remove {self._home.path}/secrets.json."
            )

    async def _initialise(self, programs: Path) -> None:
        """Make the data folder beside its place and move it there when it is whole."""
        draft = self.data.with_name("data.new")
        # An initdb that was killed leaves a server behind for a moment, which still writes.
        await self._see_off_leftovers(draft)
        remove_tree(draft)
        password = self._home.servers / "postgres.password"
        write_private(password, self._home.secrets.get_or_make(_SECRET) + "\n", mode=0o400, account=self._account)
        options = ["--auth=scram-sha-256", "-E", "UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
        options += ["--data-checksums", "--no-instructions", *([] if self._durable else ["--no-sync"])]
        try:
            initdb = spawn(
                [str(programs / "initdb"), "-D", str(draft), "-U", ADMIN, f"--pwfile={password}", *options],
                environ=CLEAN_ENVIRONMENT,
                output=self.log,
                folder=draft.parent,
                account=self._account,
                parent_death_signal=signal.SIGKILL,
            )
            try:
                status = await initdb.wait()
            except asyncio.CancelledError:
                await initdb.stop(signal.SIGKILL, within=0)
                raise
        finally:
            password.unlink()
        if status != 0:
            raise PermanentError(f"initdb failed: {last_words(initdb)} (see {self.log})")
        draft.rename(self.data)

    def _forget_strangers(self) -> None:
        """Remove lock files that name a living process which is not a server of ours: its pid came round.

        PostgreSQL itself would take that process for a server and refuse to start. By now nothing works in the data
        folder any more, so whatever lives under that pid is a stranger.
        """
        for path in (self.pid_file, self.sockets / f"{_SOCKET}.lock"):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except OSError:
                continue
            with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
                pid = file.readline().strip()
            if pid.isdigit() and Path(f"/proc/{pid}").exists():
                path.unlink()

    async def _answers(self) -> bool:
        """Say hello as the protocol's start-up packet and look whether we are asked for a password."""
        reader, writer = await asyncio.open_unix_connection(str(self.sockets / _SOCKET))
        try:
            body = struct.pack("!i", _PROTOCOL_3_0) + f"user\0{ADMIN}\0database\0postgres\0\0".encode()
            writer.write(struct.pack("!i", len(body) + 4) + body)
            return await reader.readexactly(1) == b"R"
        finally:
            writer.close()


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
