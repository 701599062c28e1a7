"""Single-bot mode: the .env alone, looked at before anything of it is used. A start needs a bot that can start.

Where an import passes over what is wrong in a .env and says so in its report, this refuses it.
"""

import os
from pathlib import Path

from hanfleet.control.legacy.documents import DocumentReader
from hanfleet.control.legacy.naming import proposed_bot_id
from hanfleet.control.legacy.oddities import Oddities
from hanfleet.control.legacy.settings_file import configuration, read_settings
from hanfleet.core.errors import InvalidInputError


def read_single(env: Path) -> str:
    """The id of the bot that ``env`` describes. Raises InvalidInputError, one sentence, when it makes none."""
    if not os.path.isfile(env):  # noqa: PTH113 - unlike Path.is_file it says no where we may not look
        raise InvalidInputError(f"There is no file {env}: name the old bot's .env.")
    if not Path(os.path.realpath(env)).is_relative_to(os.path.realpath(env.parent)):
        raise InvalidInputError(f"{env} is a link that leads out of its folder: put the file itself there.")
    oddities = Oddities()
    text = DocumentReader(env.parent, oddities).text(env)
    if text is None:
        raise InvalidInputError(f"{env} cannot be read ({oddities.entries[0].reason}): change its mode or its owner.")
    settings = read_settings(text, env.name, oddities)
    bot_id = proposed_bot_id(settings)
    if configuration(bot_id, settings, None, oddities) is None:
        reason = oddities.entries[-1].reason.removeprefix("the settings make no bot: ").rstrip(".")
        raise InvalidInputError(f"{env} makes no bot ({reason}): mend it, then start again.")
    return bot_id
