"""What a bot may be called. Apart from the configuration, so that the command line can judge it without pydantic."""

import re

BOT_ID = r"^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$"
_FORM = re.compile(BOT_ID)


def is_bot_id(text: str) -> bool:
    """Whether a bot may be called so."""
    return _FORM.fullmatch(text) is not None
