"""What a rehearsal's processes inherit: nothing that an operator set for the fleet itself.

With HANFLEET_DATABASE_URL or HANFLEET_MASTER_KEY a rehearsal would play with the fleet that people rely on.
"""

import os

_OURS = "HANFLEET_"
_KEPT = frozenset({"HANFLEET_LANG"})


def inherited() -> dict[str, str]:
    """Our environment without the settings of a fleet; the language stays."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OURS) or name in _KEPT}
