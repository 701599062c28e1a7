"""What the API is told when it is started: its log-ins, keys and address. Comes through the start-up channel."""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretBytes, SecretStr


class ApiPayload(BaseModel):
    """``database_url`` is the API's own role; ``master_key`` has 32 bytes; ``bot_logs`` holds <bot_id>.log."""

    model_config = ConfigDict(frozen=True)

    database_url: SecretStr
    redis_url: SecretStr
    master_key: SecretBytes
    api_token: SecretStr
    host: str = "127.0.0.1"
    port: int
    bot_logs: Path
    log_level: str = "INFO"
    database_connections: int = 4

    def to_wire(self) -> bytes:
        """JSON with the secrets in clear: only for the start-up channel."""
        plain = self.model_dump(mode="json")
        plain["master_key"] = self.master_key.get_secret_value().hex()
        for name in ("database_url", "redis_url", "api_token"):
            plain[name] = getattr(self, name).get_secret_value()
        return json.dumps(plain).encode()

    @classmethod
    def from_wire(cls, raw: bytes) -> "ApiPayload":
        """The inverse of ``to_wire``. Raises ValueError for anything else."""
        plain = json.loads(raw)
        plain["master_key"] = bytes.fromhex(plain["master_key"])
        return cls.model_validate(plain)
