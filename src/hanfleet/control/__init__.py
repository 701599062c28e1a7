"""What operators do with the fleet: add, change, start, stop, restart, log in, remove, look (`MultiBotManager`).

Every such change is one transaction on the bot's row, with its event; the supervisor brings it about. Beside it stand
backups (`backups`), erasing and exporting contacts (`erasure`), the import of the old bot's folder (`legacy`),
replacing data and master keys, and reading and verifying the audit trail. Refuses to touch a process, and knows nothing
of HTTP.
"""

from hanfleet.control.logs import LogPage
from hanfleet.control.manager import MultiBotManager
from hanfleet.control.refusals import FieldProblem, RefusedConfigError
from hanfleet.control.updates import BotUpdate
from hanfleet.control.views import BotDetails, BotInfo, BotStatus, ContactInfo, Erasure, LoginStep

__all__ = [
    "BotDetails",
    "BotInfo",
    "BotStatus",
    "BotUpdate",
    "ContactInfo",
    "Erasure",
    "FieldProblem",
    "LogPage",
    "LoginStep",
    "MultiBotManager",
    "RefusedConfigError",
]
