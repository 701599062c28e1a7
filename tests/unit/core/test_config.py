from typing import Any

import pytest
from pydantic import ValidationError

from hanfleet.control import RefusedConfigError
from hanfleet.core.bot_ids import is_bot_id
from hanfleet.core.config import BotConfig

DOCUMENT: dict[str, Any] = {
    "bot_id": "mira",
    "name": "Mira",
    "telegram_api_id": 12345,
    "telegram_api_hash": "0123456789abcdef",
    "telegram_phone": "+15550100",
}


@pytest.mark.parametrize("odd", ["\0", "\ud800"])
@pytest.mark.parametrize(
    ("field", "of"),
    [
        ("name", lambda text: {"name": text}),
        ("telegram_api_hash", lambda text: {"telegram_api_hash": f"01234567{text}"}),
        ("persona.prompt", lambda text: {"persona": {"prompt": text}}),
        ("persona.opt_out_words", lambda text: {"persona": {"opt_out_words": ["stop", text]}}),
        ("llm.model", lambda text: {"llm": {"model": text}}),
        ("quiet_hours.time_zone", lambda text: {"quiet_hours": {"start": "22:00", "end": "8:00", "time_zone": text}}),
    ],
)
def test_a_text_that_cannot_be_stored_is_refused_by_its_field(field: str, of: Any, odd: str) -> None:
    with pytest.raises(ValidationError) as refused:
        BotConfig.model_validate({**DOCUMENT, **of(f"private{odd}")})
    problems = RefusedConfigError.of(refused.value).problems
    assert field in [problem.field for problem in problems]
    assert "private" not in "".join(problem.message for problem in problems)


def test_texts_of_any_language_are_kept() -> None:
    config = BotConfig.model_validate({**DOCUMENT, "name": "Мира 🌸", "persona": {"prompt": "line\n\ttab"}})
    assert (config.name, config.persona.prompt) == ("Мира 🌸", "line\n\ttab")


@pytest.mark.parametrize("odd", ["", "-", "mira\n", "mira\0", "Mira", "m" * 51, "mira-", "../x"])
def test_no_bot_is_called_so(odd: str) -> None:
    assert not is_bot_id(odd)
    with pytest.raises(ValidationError):
        BotConfig.model_validate({**DOCUMENT, "bot_id": odd})


@pytest.mark.parametrize("fine", ["m", "mira", "mira-2", "m" * 50])
def test_a_bot_may_be_called_so(fine: str) -> None:
    assert is_bot_id(fine)
    assert BotConfig.model_validate({**DOCUMENT, "bot_id": fine}).bot_id == fine
