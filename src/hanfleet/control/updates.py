"""A changed configuration: all of it, but secrets may stay away, so what was read can be sent back with a change."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, SecretStr, ValidationError, model_validator

from hanfleet.control.refusals import FieldProblem, RefusedConfigError
from hanfleet.core.config import SECRET_FIELDS, BotConfig, BotId


class BotUpdate(BotConfig):
    """Like BotConfig, but a secret that is left out stays as it is, and null takes it away."""

    bot_id: BotId | None = None  # type: ignore[assignment] # an update may leave out what a bot must have
    telegram_api_hash: SecretStr | None = Field(default=None, min_length=8, max_length=64)  # type: ignore[assignment] # likewise

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        """Judged when the stored secrets are there (``applied_to``)."""
        return self

    def applied_to(self, bot_id: str, stored: Mapping[str, str]) -> BotConfig:
        """The whole new configuration; ``stored`` are the bot's opened secrets. Raises RefusedConfigError."""
        if self.bot_id not in (None, bot_id):
            raise RefusedConfigError([FieldProblem("bot_id", f"It is {bot_id} and cannot be changed: leave it out.")])
        kept = {name: value for name, value in stored.items() if name not in self.model_fields_set}
        if self.telegram_phone is not None:
            # Whoever gives a phone number moves away from the bot token.
            kept.pop("telegram_bot_token", None)
        given = self.secrets()
        document: dict[str, Any] = self.model_dump(mode="json", exclude={*SECRET_FIELDS, "bot_id"})
        try:
            return BotConfig.model_validate({**document, "bot_id": bot_id, **kept, **given})
        except ValidationError as refused:
            raise RefusedConfigError.of(refused) from None
