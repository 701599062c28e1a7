"""The key of one backup: random, wrapped by the master key, and the root of a key of its own for each part.

So a change of the master key wraps 32 bytes anew and leaves the data alone. Refuses to seal anything itself.
"""

import hmac
import os

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from hanfleet.core.errors import PermanentError
from hanfleet.vault.cipher import KEY_BYTES
from hanfleet.vault.master_key import MasterKey


class BackupKey:
    """Belongs to the backup ``backup_id``, which is bound into everything that is derived and wrapped."""

    def __init__(self, backup_id: str, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
        self._backup_id = backup_id
        self._key = key

    @classmethod
    def new(cls, backup_id: str) -> "BackupKey":
        return cls(backup_id, os.urandom(KEY_BYTES))

    @classmethod
    def unwrap(cls, backup_id: str, wrapped: bytes, master_key: MasterKey) -> "BackupKey":
        """Raises PermanentError when ``master_key`` is not the one that wrapped it."""
        try:
            return cls(backup_id, master_key.unwrap_named(_purpose(backup_id), wrapped))
        except PermanentError as refused:
            raise PermanentError(
                f"Backup {backup_id} does not open with this master key: name the key file of the fleet that made it"
                " with --master-key, as it was then."
            ) from refused

    def wrap(self, master_key: MasterKey) -> bytes:
        return master_key.wrap_named(_purpose(self._backup_id), self._key)

    def for_part(self, name: str) -> bytes:
        """The 32-byte key that seals the part called ``name``, and nothing else."""
        return self._derived(f"part:{name}")

    def tag(self, manifest: bytes) -> bytes:
        """What proves that the manifest is the one that was written (HMAC-SHA-256)."""
        return hmac.digest(self._derived("manifest"), manifest, "sha256")

    def _derived(self, purpose: str) -> bytes:
        info = f"hanfleet backup\x00{self._backup_id}\x00{purpose}".encode()
        return HKDFExpand(SHA256(), KEY_BYTES, info).derive(self._key)


def _purpose(backup_id: str) -> str:
    return f"backup {backup_id}"
