"""Valkey as a child of ours: one unix socket, an append-only file, and users from an ACL file.

The bus adds a user per bot while the server runs and saves them to the same ACL file, so a start rewrites only the two
lines that are ours. The default user keeps every right although it is off: without them the server refuses its own
append-only file after a transaction, and loses what came later.
"""

import asyncio
import hashlib
import os
import signal
from pathlib import Path
from urllib.parse import quote

from hanfleet.app.embedded.binaries import valkey_program
from hanfleet.app.embedded.server import EmbeddedServer
from hanfleet.app.folders import write_private
from hanfleet.app.home import Home
from hanfleet.core.errors import PermanentError

ADMIN = "admin"
_SECRET = "valkey.admin"  # noqa: S105 - the secret's name
_ACL_FILE = "users.acl"

_CONFIGURATION = """\
# Written by hanfleet at each start.
port 0
unixsocket "{socket}"
unixsocketperm 777
dir "{data}"
aclfile "{acl}"
appendonly yes
appendfsync {fsync}
auto-aof-rewrite-min-size 16mb
# In the other format the file keeps the content of deleted entries as long as a neighbour of theirs lives.
aof-use-rdb-preamble no
save ""
databases 1
maxclients {clients}
maxmemory-policy noeviction
# The largest honest value is an event of some kilobytes, the largest answer a page of a thousand of them. The server
# takes no smaller bound for one value than this.
proto-max-bulk-len 1mb
client-query-buffer-limit 2mb
client-output-buffer-limit normal 32mb 16mb 10
# Never: what an answer refers to in place of a copy is counted in none of these bounds.
min-string-size-avoid-copy-reply 2147483647
# Arguments that are still coming in count only here; whoever holds most goes first.
maxmemory-clients {clients_memory}mb
# These keep names and arguments that a client chose, of up to a megabyte each, after it has gone.
acllog-max-len 8
commandlog-slow-execution-max-len 8
commandlog-large-request-max-len 8
commandlog-large-reply-max-len 8
daemonize no
logfile ""
loglevel notice
always-show-logo no
shutdown-timeout 3
"""


class EmbeddedValkey(EmbeddedServer):
    """The bus server of one home. ``bots`` sizes the number of clients."""

    name = "valkey"
    stop_signal = signal.SIGTERM

    def __init__(self, home: Home, *, bots: int = 50, durable: bool = True) -> None:
        """``durable=False`` never waits for the disk: for tests only."""
        super().__init__(home)
        self._clients = 8 * bots + 200
        self._durable = durable

    @property
    def socket(self) -> Path:
        return self._home.socket_folder("valkey") / "valkey.sock"

    @property
    def url(self) -> str:
        """How the administrator of the bus logs in."""
        password = self._home.secrets.get_or_make(_SECRET)
        return f"unix://{ADMIN}:{password}@{quote(str(self.socket))}?db=0"

    async def _prepare(self) -> list[str]:
        program = valkey_program(self._account)
        acl = self.data / _ACL_FILE
        lines = [*self._our_users(), *self._other_users(acl)]
        write_private(acl, "\n".join(lines) + "\n", account=self._account)
        configuration = self._home.servers / "valkey.conf"
        text = _CONFIGURATION.format(
            socket=self.socket,
            data=self.data,
            acl=acl,
            fsync="everysec" if self._durable else "no",
            clients=self._clients,
            clients_memory=64 + self._clients // 16,
        )
        write_private(configuration, text, mode=0o644)
        return [str(program), str(configuration)]

    def _our_users(self) -> list[str]:
        digest = hashlib.sha256(self._home.secrets.get_or_make(_SECRET).encode()).hexdigest()
        return ["user default off resetpass ~* &* +@all", f"user {ADMIN} on #{digest} ~* &* +@all"]

    def _other_users(self, acl: Path) -> list[str]:
        """The users that were added while the server ran."""
        try:
            descriptor = os.open(acl, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return []
        except OSError as odd:
            raise PermanentError(f"{acl} is not a plain file: remove it, then start again.") from odd
        with os.fdopen(descriptor, encoding="utf-8") as file:
            lines = [line.strip() for line in file]
        return [line for line in lines if line.startswith("user ") and line.split()[1] not in ("default", ADMIN)]

    async def _answers(self) -> bool:
        """Log in and ask for a PONG; while it loads its data the server answers with an error."""
        reader, writer = await asyncio.open_unix_connection(str(self.socket))
        try:
            writer.write(f"AUTH {ADMIN} {self._home.secrets.get_or_make(_SECRET)}\r\nPING\r\n".encode())
            welcome = await reader.readline()
            if welcome.startswith(b"-WRONGPASS"):
                raise PermanentError(
                    f"valkey refuses our own password: remove {self.data / _ACL_FILE}, then start again."
                )
            return await reader.readline() == b"+PONG\r\n"
        finally:
            writer.close()
