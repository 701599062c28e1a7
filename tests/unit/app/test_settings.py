"""Settings: defaults, the environment, flags, and one sentence for what is wrong."""

from pathlib import Path

import pytest

from hanfleet.app.settings import load_settings
from hanfleet.core.errors import InvalidInputError


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "HOME",
        "DATABASE_URL",
        "REDIS_URL",
        "TELEGRAM_SERVER",
        "API_HOST",
        "API_PORT",
        "LOG_LEVEL",
        "MAX_BOTS",
        "BACKUP_HOUR",
    ):
        monkeypatch.delenv(f"HANFLEET_{name}", raising=False)


def test_defaults_need_nothing() -> None:
    settings = load_settings()
    assert (settings.api_host, settings.api_port) == ("127.0.0.1", 8642)
    assert settings.database_url is None
    assert settings.redis_url is None
    assert settings.telegram_server is None
    assert settings.log_level == "INFO"


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server = tmp_path / "sandbox.json"
    server.write_text("{}")
    monkeypatch.setenv("HANFLEET_DATABASE_URL", "postgresql://admin:pw@db/postgres")
    monkeypatch.setenv("HANFLEET_REDIS_URL", "rediss://bus")
    monkeypatch.setenv("HANFLEET_TELEGRAM_SERVER", str(server))
    monkeypatch.setenv("HANFLEET_API_PORT", "9000")
    monkeypatch.setenv("HANFLEET_LOG_LEVEL", "debug")
    monkeypatch.setenv("HANFLEET_MAX_BOTS", "")
    settings = load_settings()
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://admin:pw@db/postgres"
    assert settings.telegram_server == server
    assert settings.api_port == 9000
    assert settings.log_level == "DEBUG"
    assert settings.max_bots == 50
    assert "pw" not in repr(settings)


def test_flags_win_and_absent_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANFLEET_API_PORT", "9000")
    assert load_settings(api_port=9001).api_port == 9001
    assert load_settings(api_port=None).api_port == 9000


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("API_PORT", "many", "integer"),
        ("API_PORT", "70000", "65535"),
        ("MAX_BOTS", "0", "1"),
        ("LOG_LEVEL", "LOUD", "'DEBUG'"),
        ("TELEGRAM_SERVER", "/no/such/file", "/no/such/file"),
        ("DATABASE_URL", "mysql://root:hunter2@db", "postgresql://"),
        ("REDIS_URL", "hunter2", "redis://"),
    ],
)
def test_a_bad_value_gets_one_sentence_with_the_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(f"HANFLEET_{name}", value)
    with pytest.raises(InvalidInputError) as refused:
        load_settings()
    message = str(refused.value)
    assert message.startswith(f"HANFLEET_{name} ")
    assert reason in message
    assert "\n" not in message
    assert "hunter2" not in message


def test_a_bad_flag_is_called_by_its_flag() -> None:
    with pytest.raises(InvalidInputError, match=r"^--api-port "):
        load_settings(api_port=0)


@pytest.mark.parametrize(("given", "hour"), [("0", 0), ("23", 23), ("off", None), ("OFF", None), ("", 3)])
def test_the_hour_of_the_backup(given: str, hour: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANFLEET_BACKUP_HOUR", given)
    assert load_settings().backup_hour == hour


@pytest.mark.parametrize("given", ["24", "-1", "three", "3.5"])
def test_what_is_no_hour_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANFLEET_BACKUP_HOUR", given)
    with pytest.raises(
        InvalidInputError, match="HANFLEET_BACKUP_HOUR is refused: it must be an hour of the day in UTC"
    ):
        load_settings()
