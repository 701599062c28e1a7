"""Names of everything on the bus. Whoever limits a bot's user and whoever reads a stream take them from here."""

from hanfleet.core.events import Category

#: What every name of ours fits.
EVERYTHING = "hf:*"


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
    return f"hf-bot-{bot_id}"
