"""What the imported bot is called when nobody said."""

import re

from hanfleet.control.legacy.settings_file import LegacySettings

_LONGEST = 50


def proposed_bot_id(settings: LegacySettings) -> str:
    """The session's name as an id; the same for the same folder at every run."""
    slug = re.sub(r"[^a-z0-9]+", "-", settings.session_name.lower())[:_LONGEST].strip("-")
    return slug or "han"
