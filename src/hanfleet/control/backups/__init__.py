"""Backups: making, listing, verifying and restoring them, and letting old ones go.

A backup is a folder: `manifest.json` and one sealed part per table (ADR 24). Refuses to know where the database and the
folder of all backups are: the caller says.
"""

from hanfleet.control.backups.creating import create
from hanfleet.control.backups.library import Library
from hanfleet.control.backups.listing import Listed, listed
from hanfleet.control.backups.manifest import DamagedBackupError, Manifest
from hanfleet.control.backups.progress import Progress
from hanfleet.control.backups.restoring import Restored, restore
from hanfleet.control.backups.rewrapping import rewrap
from hanfleet.control.backups.verifying import verify

__all__ = [
    "DamagedBackupError",
    "Library",
    "Listed",
    "Manifest",
    "Progress",
    "Restored",
    "create",
    "listed",
    "restore",
    "rewrap",
    "verify",
]
