"""Names of database roles, and what a password becomes before a server sees it.

Roles belong to a whole cluster, so their names carry the installation's id; a bot's role has a random name, for
every role can list the names of all.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

_ITERATIONS = 4096


@dataclass(frozen=True)
class RoleNames:
    """The roles of one installation: five that log in, and the group of all bots, which does not."""

    owner: str
    supervisor: str
    api: str
    provisioner: str
    relay: str
    bots: str

    @classmethod
    def of(cls, install_id: str) -> "RoleNames":
        return cls(**{role: f"hf_{install_id}_{role}" for role in cls.__dataclass_fields__})


def new_install_id() -> str:
    """8 hex digits that tell installations on one cluster apart."""
    return secrets.token_hex(4)


def new_bot_role(install_id: str) -> str:
    """A name for a bot's role that says nothing about the bot."""
    return f"hf_{install_id}_{secrets.token_hex(4)}"


def new_password() -> str:
    """192 random bits in letters, digits, - and _: nothing that a URL or SASLprep would change."""
    return secrets.token_urlsafe(24)


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """The SCRAM-SHA-256 verifier of an ASCII password (RFC 5802 section 3, RFC 7677), as PostgreSQL stores it.

    Given in place of the password, so that no server log ever holds the password in clear.
    """
    salt = salt or secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, _ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(part).decode() for part in (salt, stored_key, server_key))
    return f"SCRAM-SHA-256${_ITERATIONS}:{salt64}${stored64}:{server64}"
