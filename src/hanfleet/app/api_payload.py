"""What the API is told when it is started: its log-ins, keys and address. Comes through the start-up channel."""

import json
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretBytes, SecretStr

_KEYS = ("master_key", "erasure_key")


class ApiPayload(BaseModel):
    """``database_url`` is the API's own role; ``master_key`` has 32 bytes; ``bot_logs`` holds <bot_id>.log.

    ``ledger`` and ``erasure_key`` are the ledger of erasures and what its marks are made with, 32 bytes;
    a daily backup is kept for ``backups_kept`` at most.
    """

    model_config = ConfigDict(frozen=True)

    database_url: SecretStr
    redis_url: SecretStr
    master_key: SecretBytes
    api_token: SecretStr
    host: str = "127.0.0.1"
    port: int
    bot_logs: Path
    ledger: Path
    erasure_key: SecretBytes
    backups_kept: timedelta
    log_level: str = "INFO"
    database_connections: int = 3

    def to_wire(self) -> bytes:
        """JSON with the secrets in clear: only for the start-up channel."""
        plain = self.model_dump(mode="json")
        for name in _KEYS:
            plain[name] = getattr(self, name).get_secret_value().hex()
        for name in ("database_url", "redis_url", "api_token"):
            plain[name] = getattr(self, name).get_secret_value()
        return json.dumps(plain).encode()

    @classmethod
    def from_wire(cls, raw: bytes) -> "ApiPayload":
        """The inverse of ``to_wire``. Raises ValueError for anything else."""
        plain = json.loads(raw)
        plain |= {name: bytes.fromhex(plain[name]) for name in _KEYS}
        return cls.model_validate(plain)
