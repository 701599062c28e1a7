"""The road from the old bot's folder into the fleet: reading it, importing, comparing, taking it back.

One file per old shape, all of them pure: they turn documents into records and note what was odd. Only `importer`,
`comparing` and `undoing` speak to the store. Refuses to write anything below the old folder.
"""

from hanfleet.control.legacy.comparing import Difference, compare
from hanfleet.control.legacy.folder import LegacyFolder
from hanfleet.control.legacy.importer import import_folder, survey, was_imported
from hanfleet.control.legacy.naming import proposed_bot_id
from hanfleet.control.legacy.oddities import Oddities, Oddity
from hanfleet.control.legacy.recognising import is_old_folder
from hanfleet.control.legacy.single import read_single
from hanfleet.control.legacy.undoing import take_back

__all__ = [
    "Difference",
    "LegacyFolder",
    "Oddities",
    "Oddity",
    "compare",
    "import_folder",
    "is_old_folder",
    "proposed_bot_id",
    "read_single",
    "survey",
    "take_back",
    "was_imported",
]
