"""The parts that `hanfleet up` runs, as children: what each is told, when it counts as ready, how it ends.

When `up` itself is killed, everything but the workers goes with it: the kernel ends the children at once, and the next
`up` on the same home starts them anew and adopts the workers.
"""

import asyncio
import signal
import socket
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pydantic import SecretBytes, SecretStr

from hanfleet.app.api_payload import ApiPayload
from hanfleet.app.children import Child, ChildSpec
from hanfleet.app.embedded import EmbeddedPostgres
from hanfleet.app.erasure_ledger import ledger_of
from hanfleet.app.home import Home
from hanfleet.app.payloads import WORKER_ENTRY, SupervisorPayload, ZygotePayload
from hanfleet.app.settings import Settings
from hanfleet.core.errors import InvalidInputError
from hanfleet.core.startup import TelegramServer

DRAIN_S = 10.0
# Longer than the supervisor gives its workers to drain, all of them at once.
_SUPERVISOR_STOPS_WITHIN_S = 25.0
# Who listens on every address is reached on this machine's own.
_REACHABLE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - translated, not bound


@dataclass(frozen=True)
class Wiring:
    """What the parts have in common: where everything is and how each logs in."""

    home: Home
    settings: Settings
    urls: dict[str, str]
    redis_url: str
    master_key: bytes
    node: str
    telegram_server: TelegramServer | None
    worker_entry: str = WORKER_ENTRY

    @property
    def zygote_socket(self) -> Path:
        return self.home.socket("zygote.sock")


def zygote(wiring: Wiring) -> Child:
    """Ready when its socket takes connections."""
    payload = ZygotePayload(
        socket=wiring.zygote_socket,
        exits_dir=wiring.home.exits,
        worker_entry=wiring.worker_entry,
        log_level=wiring.settings.log_level,
    )

    async def ready() -> bool:
        _, writer = await asyncio.open_unix_connection(str(wiring.zygote_socket))
        writer.close()
        return True

    return Child(
        ChildSpec(
            name="zygote",
            argv=_module("hanfleet.app.zygote_main"),
            log=wiring.home.logs / "zygote.log",
            payload=payload.to_wire,
            ready=ready,
            parent_death_signal=signal.SIGTERM,
        )
    )


def supervisor(wiring: Wiring) -> Child:
    """Its SIGTERM drains the workers, so the kernel must send another signal when `up` is gone: they shall live on."""
    payload = SupervisorPayload(
        database_url=SecretStr(wiring.urls["supervisor"]),
        provisioner_url=SecretStr(wiring.urls["provisioner"]),
        relay_url=SecretStr(wiring.urls["relay"]),
        redis_url=SecretStr(wiring.redis_url),
        master_key=SecretBytes(wiring.master_key),
        node=wiring.node,
        zygote_socket=wiring.zygote_socket,
        exits_dir=wiring.home.exits,
        bot_logs=wiring.home.bot_logs,
        audit_heads=wiring.home.audit_heads,
        postgres_pid_file=None if wiring.settings.database_url else EmbeddedPostgres(wiring.home).pid_file,
        telegram_server=wiring.telegram_server,
        max_bots=wiring.settings.max_bots,
        keep_events_days=wiring.settings.keep_events_days,
        keep_metrics_days=wiring.settings.keep_metrics_days,
        keep_audit_days=wiring.settings.keep_audit_days,
        drain_s=DRAIN_S,
        log_level=wiring.settings.log_level,
    )
    return Child(
        ChildSpec(
            name="supervisor",
            argv=_module("hanfleet.app.supervisor_main"),
            log=wiring.home.logs / "supervisor.log",
            payload=payload.to_wire,
            stop_within_s=_SUPERVISOR_STOPS_WITHIN_S,
            parent_death_signal=signal.SIGKILL,
        )
    )


def api(wiring: Wiring) -> Child:
    """Ready when its port takes connections."""
    host, port = wiring.settings.api_host, wiring.settings.api_port
    ledger = ledger_of(wiring.home)
    payload = ApiPayload(
        database_url=SecretStr(wiring.urls["api"]),
        redis_url=SecretStr(wiring.redis_url),
        master_key=SecretBytes(wiring.master_key),
        api_token=SecretStr(wiring.home.secrets.get_or_make("api_token")),
        host=host,
        port=port,
        bot_logs=wiring.home.bot_logs,
        ledger=ledger.path,
        erasure_key=SecretBytes(ledger.key),
        backups_kept=_backups_kept(wiring.settings),
        log_level=wiring.settings.log_level,
    )

    async def ready() -> bool:
        _, writer = await asyncio.open_connection(_REACHABLE.get(host, host), port)
        writer.close()
        return True

    return Child(
        ChildSpec(
            name="api",
            argv=_module("hanfleet.app.api_main"),
            log=wiring.home.logs / "api.log",
            payload=payload.to_wire,
            ready=ready,
            parent_death_signal=signal.SIGKILL,
        )
    )


def _backups_kept(settings: Settings) -> timedelta:
    """The newest of a week is superfluous once so many newer weeks have one, however its days lie."""
    return max(timedelta(days=settings.backup_keep_days), timedelta(weeks=settings.backup_keep_weeks + 1))


def check_free(host: str, port: int) -> None:
    """Raises InvalidInputError when the API could not listen there: better said before anything is started."""
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except OSError as refused:
        raise InvalidInputError(
            f"The API cannot listen on {host}:{port} ({refused.strerror}): choose --api-host and --api-port anew."
        ) from refused


def reachable_url(settings: Settings) -> str:
    """Where a client on this machine finds the API."""
    host = _REACHABLE.get(settings.api_host, settings.api_host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.api_port}"


def _module(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name)
