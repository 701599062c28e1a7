"""Secrets at rest: sealing under a bot's own data keys, and data keys wrapped by the fleet's master key.

The only door to the cryptography library. Refuses to know where anything is stored, and never gives a key a printable
form.
"""

from hanfleet.vault.cipher import KEY_BYTES, Cipher
from hanfleet.vault.key_ring import KeyRing
from hanfleet.vault.master_key import MasterKey, new_data_key

__all__ = ["KEY_BYTES", "Cipher", "KeyRing", "MasterKey", "new_data_key"]
