import pytest
from pydantic import ValidationError

from hanfleet.control import BotUpdate, RefusedConfigError

STORED = {"telegram_api_hash": "0123456789abcdef", "openai_api_key": "sk-old"}
GIVEN = {"name": "Mira", "telegram_api_id": 7, "telegram_phone": "+15550100"}


def test_secrets_that_stay_away_are_kept() -> None:
    config = BotUpdate.model_validate(GIVEN).applied_to("mira", STORED)
    assert config.secrets() == STORED
    assert config.bot_id == "mira"


def test_a_new_secret_takes_the_old_ones_place() -> None:
    config = BotUpdate.model_validate({**GIVEN, "openai_api_key": "sk-new"}).applied_to("mira", STORED)
    assert config.secrets()["openai_api_key"] == "sk-new"


def test_null_takes_a_secret_away() -> None:
    config = BotUpdate.model_validate({**GIVEN, "openai_api_key": None}).applied_to("mira", STORED)
    assert "openai_api_key" not in config.secrets()


def test_a_phone_takes_the_tokens_place() -> None:
    config = BotUpdate.model_validate(GIVEN).applied_to("mira", {**STORED, "telegram_bot_token": "1:aaaaaaaaaaaa"})
    assert not config.is_bot_account


def test_what_is_left_out_and_no_secret_goes_back_to_its_default() -> None:
    update = BotUpdate.model_validate({**GIVEN, "pacing": {"wait_for_more_s": 1}})
    config = update.applied_to("mira", STORED)
    assert config.pacing.wait_for_more_s == 1
    assert config.llm.model == "gpt-4o-mini"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"bot_id": "otto"}, "bot_id"),
        ({"telegram_api_hash": None}, "telegram_api_hash"),
        ({"telegram_phone": None}, ""),
        ({"telegram_bot_token": "1:aaaaaaaaaaaa"}, ""),
    ],
)
def test_what_does_not_fit_together_is_refused(change: dict, field: str) -> None:
    update = BotUpdate.model_validate({**GIVEN, **change})
    with pytest.raises(RefusedConfigError) as refused:
        update.applied_to("mira", STORED)
    assert [problem.field for problem in refused.value.problems] == [field]
    assert "aaaaaaaaaaaa" not in str(refused.value)


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        BotUpdate.model_validate({**GIVEN, "colour": "red"})
