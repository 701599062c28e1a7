"""What a worker is told when it is born, through its start-up channel: never through the environment or argv."""

import json

from pydantic import BaseModel, ConfigDict, SecretBytes, SecretStr


class TelegramServer(BaseModel):
    """Where Telegram is: a file of this shape can stand in Telegram's place (see docs/howto/sandbox.md)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    address: str
    port: int
    dc_id: int
    public_key_pem: str


class WorkerLimits(BaseModel):
    """What the operating system allows one worker. Bytes and counts.

    ``open_files``, sockets included: an honest worker has some 30. Below what servers keep free for everybody
    (app.embedded), so that none can take all their connections.
    """

    model_config = ConfigDict(frozen=True)

    data_bytes: int = 512 * 1024 * 1024
    open_files: int = 64
    file_size_bytes: int = 64 * 1024 * 1024


class WorkerStartup(BaseModel):
    """Everything of a worker's own: its lease epoch, its database and bus log-ins, its data keys by number.

    The configuration is not here: the worker reads its row and opens its secrets with ``data_keys`` (32 bytes each), so
    a reload takes the same road as a start.
    """

    model_config = ConfigDict(frozen=True)

    bot_id: str
    epoch: int
    lease_ttl_s: float = 15.0
    database_url: SecretStr
    bus_url: SecretStr | None
    data_keys: dict[int, SecretBytes]
    telegram_server: TelegramServer | None = None
    heartbeat_s: float = 2.0

    def to_wire(self) -> bytes:
        """JSON with the secrets in clear: only for the start-up channel."""
        plain = self.model_dump(mode="json")
        plain["database_url"] = self.database_url.get_secret_value()
        plain["bus_url"] = self.bus_url.get_secret_value() if self.bus_url else None
        plain["data_keys"] = {number: key.get_secret_value().hex() for number, key in self.data_keys.items()}
        return json.dumps(plain).encode()

    @classmethod
    def from_wire(cls, raw: bytes) -> "WorkerStartup":
        """The inverse of ``to_wire``. Raises ValueError for anything else."""
        plain = json.loads(raw)
        plain["data_keys"] = {int(number): bytes.fromhex(key) for number, key in plain["data_keys"].items()}
        return cls.model_validate(plain)
