"""What a worker knows about its bot: the configuration, read from its row, with its secrets opened.

A reload takes the same road as a start. The holder is shared; whoever needs a value reads it when it needs it.
"""

from collections.abc import Callable

from pydantic import ValidationError

from hanfleet.core.config import BotConfig, assemble_config
from hanfleet.core.errors import BotFailure, PermanentError
from hanfleet.core.failures import FailureKind
from hanfleet.persona.validation import check_persona
from hanfleet.store.session import Transaction
from hanfleet.worker.ledger import Ledger, Step

#: (field, sealed bytes) → clear bytes, for this bot.
Open = Callable[[str, bytes], bytes]


async def load_config(ledger: Ledger, bot_id: str, open_: Open) -> BotConfig:
    """The bot's configuration as it stands now. Raises BotFailure(config) with the reason when it cannot work."""

    async def load(tx: Transaction) -> tuple[dict[str, object] | None, dict[str, bytes]]:
        row = await tx.bots.get(bot_id)
        return (None if row is None else row.config), await tx.secrets.all(bot_id)

    public, sealed = await ledger.run(Step.CONFIGURE, load)
    if public is None:
        raise BotFailure(FailureKind.CONFIG, f"There is no bot {bot_id}: it was removed, or this is another database.")
    try:
        config = assemble_config(public, {name: open_(name, value).decode() for name, value in sealed.items()})
        check_persona(config.persona)
    except ValidationError as refused:
        # The messages name fields and rules; the values stay out, since some are secrets.
        fields = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in refused.errors())
        raise BotFailure(FailureKind.CONFIG, f"The configuration of {bot_id} cannot work: {fields}.") from None
    except PermanentError as refused:
        raise BotFailure(FailureKind.CONFIG, f"The configuration of {bot_id} cannot work: {refused}") from refused
    return config


def needs_restart(before: BotConfig, after: BotConfig) -> bool:
    """True when what makes the Telegram session differs: that cannot be changed in a running worker."""
    telegram = ("telegram_api_id", "telegram_api_hash", "telegram_phone", "telegram_bot_token")
    return any(getattr(before, name) != getattr(after, name) for name in telegram)
