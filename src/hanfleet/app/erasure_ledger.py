"""Where a home keeps its ledger of erasures and the key to it."""

from hanfleet.app.folders import make_folder
from hanfleet.app.home import Home
from hanfleet.store.ledger import Ledger

KEY_FILE = "erasure.key"
BACKUPS_FOLDER = "backups"


def ledger_of(home: Home) -> Ledger:
    """The home's ledger; its key and its folder are made when missing. Raises PermanentError for a key that is lost."""
    folder = home.path / BACKUPS_FOLDER
    make_folder(folder, 0o700)
    return Ledger.open(folder, home.path / KEY_FILE)
