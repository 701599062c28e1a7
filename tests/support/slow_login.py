"""A log-in to PostgreSQL that takes its time: https://www.postgresql.org/docs/current/protocol-flow.html."""

import asyncio
import base64
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass

from sqlalchemy.engine import make_url

_NONE_BOUND = "n,,"


@dataclass
class SlowLogIn:
    """Between `begin` and `finish` the server has read the role's password and waits for ours (RFC 5802)."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    password: str

    @classmethod
    async def begin(cls, url: str) -> "SlowLogIn":
        """Over a socket's folder, as the tests' server listens."""
        parts = make_url(url)
        folder = parts.query.get("host", parts.host)
        reader, writer = await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{parts.port or 5432}")
        words = f"user\0{parts.username}\0database\0{parts.database}\0\0".encode()
        writer.write(struct.pack("!ii", len(words) + 8, 196608) + words)
        login = cls(reader, writer, str(parts.password))
        assert (await login._answer())[:2] == (b"R", 10)
        return login

    async def finish(self) -> None:
        """Until the server takes queries. Raises AssertionError with what it says instead."""
        first = f"n=,r={secrets.token_urlsafe(18)}"
        asked = (_NONE_BOUND + first).encode()
        self._send(b"SCRAM-SHA-256\0" + struct.pack("!i", len(asked)) + asked)
        kind, code, body = await self._answer()
        assert (kind, code) == (b"R", 11), body
        challenge = body.decode()
        nonce, salt, rounds = (part[2:] for part in challenge.split(","))
        last = f"c={base64.b64encode(_NONE_BOUND.encode()).decode()},r={nonce}"
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), base64.b64decode(salt), int(rounds))
        key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(key).digest(), f"{first},{challenge},{last}".encode(), "sha256")
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        self._send(f"{last},p={base64.b64encode(proof).decode()}".encode())
        while kind != b"Z":
            kind, _, body = await self._answer()
            assert kind != b"E", body

    def close(self) -> None:
        self.writer.close()

    def _send(self, body: bytes) -> None:
        self.writer.write(b"p" + struct.pack("!i", len(body) + 4) + body)

    async def _answer(self) -> tuple[bytes, int, bytes]:
        """Its kind, its first number, and the rest."""
        async with asyncio.timeout(5):
            kind, length = struct.unpack("!ci", await self.reader.readexactly(5))
            body = await self.reader.readexactly(length - 4)
        return kind, int.from_bytes(body[:4], "big"), body[4:]
