"""The sandbox's directory: who holds it, what outlives a restart, and the file that tells where to connect."""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from hanfleet.sandbox.refusals import StartRefusedError
from hanfleet.sandbox.telegram.database import Database
from hanfleet.sandbox.telegram.server_key import ServerKey


@dataclass(frozen=True, slots=True)
class SandboxInfo:
    """The content of ``sandbox.json``. ``fingerprint`` is the RSA key's, as a signed 64-bit number."""

    address: str
    port: int
    dc_id: int
    public_key_pem: str
    fingerprint: int
    control_url: str
    control_token: str
    llm_url: str


def hold(directory: Path) -> int:
    """Hold the directory alone; the kernel lets go of it when this process ends, however it ends."""
    descriptor = os.open(directory / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise StartRefusedError("directory_in_use", directory=directory) from error
    return descriptor


def lasting_server_key(database: Database) -> ServerKey:
    """The RSA key of this directory, made on first use."""
    stored = database.fact("server_key")
    if stored is not None:
        return ServerKey.from_pem(stored)
    key = ServerKey.generate()
    database.set_fact("server_key", key.private_pem)
    return key


def lasting(database: Database, name: str, fresh: str) -> str:
    """A fact of this directory: what was stored before, or ``fresh`` from now on."""
    stored = database.fact(name)
    if stored is None:
        database.set_fact(name, fresh)
        return fresh
    return stored


def write_info(directory: Path, info: SandboxInfo) -> None:
    """Write ``sandbox.json``: whole or not at all, and for the owner alone."""
    draft = directory / "sandbox.new"
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(info), file, indent=2)
    draft.replace(directory / "sandbox.json")
