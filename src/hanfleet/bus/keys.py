"""Names of everything on the bus. Whoever limits a bot's user and whoever reads a stream take them from here."""

from hanfleet.core.events import Category

#: What every name of ours fits.
EVERYTHING = "hf:*"
_BOT_USER = "hf-bot-"


def commands(bot_id: str) -> str:
    """The stream of commands to one bot's worker."""
    return f"hf:{bot_id}:commands"


def replies(bot_id: str) -> str:
    """The stream of one worker's answers."""
    return f"hf:{bot_id}:replies"


def events(category: Category) -> str:
    """The stream of one category's events, of all bots."""
    return f"hf:events:{category}"


def dead_letters(category: Category, group: str) -> str:
    """The stream of events that one consumer group gave up on."""
    return f"hf:dead:{category}:{group}"


def bot_user(bot_id: str) -> str:
    """The name of one bot's user."""
    return f"{_BOT_USER}{bot_id}"


def bot_of(user: str) -> str | None:
    """The bot whose user this is; None: a part of the fleet, or somebody else."""
    return user.removeprefix(_BOT_USER) if user.startswith(_BOT_USER) else None
