"""What supervisor and zygote are told when `hanfleet up` starts them. Comes through the start-up channel."""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretBytes, SecretStr

from hanfleet.core.startup import TelegramServer, WorkerLimits

WORKER_ENTRY = "hanfleet.app.worker_main:run"


class SupervisorPayload(BaseModel):
    """``database_url`` is the supervisor role, other roles have URLs of their own; ``redis_url`` is the administrator
    of the bus; ``master_key`` has 32 bytes.

    ``bot_logs`` takes <bot_id>.log; ``zygote_socket`` and ``exits_dir`` are the zygote's; ``audit_heads`` is a file.
    ``postgres_pid_file`` is our own server's, None with somebody else's.
    """

    model_config = ConfigDict(frozen=True)

    database_url: SecretStr
    provisioner_url: SecretStr
    relay_url: SecretStr
    redis_url: SecretStr
    master_key: SecretBytes
    node: str
    zygote_socket: Path
    exits_dir: Path
    bot_logs: Path
    audit_heads: Path
    postgres_pid_file: Path | None = None
    telegram_server: TelegramServer | None = None
    max_bots: int = 50
    keep_events_days: int = 90
    keep_metrics_days: int = 30
    keep_audit_days: int = 365
    limits: WorkerLimits = Field(default_factory=WorkerLimits)
    drain_s: float = 10.0
    lease_ttl_s: float = 15.0
    heartbeat_s: float = 2.0
    log_level: str = "INFO"

    def to_wire(self) -> bytes:
        """JSON with the secrets in clear: only for the start-up channel."""
        plain = self.model_dump(mode="json")
        plain["master_key"] = self.master_key.get_secret_value().hex()
        for name in ("database_url", "provisioner_url", "relay_url", "redis_url"):
            plain[name] = getattr(self, name).get_secret_value()
        return json.dumps(plain).encode()

    @classmethod
    def from_wire(cls, raw: bytes) -> "SupervisorPayload":
        """The inverse of ``to_wire``. Raises ValueError for anything else."""
        plain = json.loads(raw)
        plain["master_key"] = bytes.fromhex(plain["master_key"])
        return cls.model_validate(plain)


class ZygotePayload(BaseModel):
    """No secret among it. ``worker_entry`` names what runs a worker: (WorkerStartup) → exit status."""

    model_config = ConfigDict(frozen=True)

    socket: Path
    exits_dir: Path
    worker_entry: str = WORKER_ENTRY
    log_level: str = "INFO"

    def to_wire(self) -> bytes:
        return self.model_dump_json().encode()

    @classmethod
    def from_wire(cls, raw: bytes) -> "ZygotePayload":
        """The inverse of ``to_wire``. Raises ValueError for anything else."""
        return cls.model_validate_json(raw)
