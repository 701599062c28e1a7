"""Erasing and exporting contacts: everywhere at once, remembered outside the database, and finished after a crash.

Refuses to remember whom: the ledger holds keyed hashes, and the database forgets the chat when an erasure is done.
"""

from hanfleet.control.erasure.applying import Applied, apply_ledger
from hanfleet.store.ledger import Ledger

__all__ = ["Applied", "Ledger", "apply_ledger"]
