"""The old settings, persona and session."""

from pathlib import Path

import pytest

from hanfleet.control.legacy.folder import LegacyFolder
from hanfleet.control.legacy.naming import proposed_bot_id
from hanfleet.control.legacy.oddities import Oddities
from hanfleet.control.legacy.persona_file import read_persona
from hanfleet.control.legacy.settings_file import OLD_FALLBACK, LegacySettings, configuration, read_settings
from hanfleet.control.legacy.single import read_single
from hanfleet.core.config import PersonaConfig
from tests.support.legacy import ENV, NOW, write, write_session


def test_the_env_becomes_a_bot_and_no_secret_reaches_the_report() -> None:
    oddities = Oddities()
    settings = read_settings(ENV, ".env", oddities)
    config = configuration("mira", settings, None, oddities)
    assert config is not None
    assert (config.telegram_api_id, config.telegram_phone, config.admin_chat_id) == (12345, "+15550100", 777)
    assert config.secrets() == {"telegram_api_hash": "0123456789abcdef" * 2, "openai_api_key": "sk-secret"}
    assert (config.llm.temperature, config.llm.history_limit, config.llm.max_tokens) == (0.5, 20, 240)
    assert config.pacing.wait_for_more_s == 40
    assert (config.persona.prompt, config.persona.fallback) == (PersonaConfig().prompt, OLD_FALLBACK)
    assert {entry.record for entry in oddities.entries} == {"ADMIN_BOT_API_KEY", "HISTORY_LIMIT", "LOG_LEVEL"}
    assert not any(value in oddities.as_json() for value in ("very-secret", "sk-secret", "0123456789abcdef", "many"))
    assert proposed_bot_id(settings) == "han-session"


def test_nul_bytes_among_the_settings_are_named() -> None:
    oddities = Oddities()
    assert read_settings("SESSION_NAME=h\x00an\x00", ".env", oddities).session_name == "han"
    assert [(entry.record, entry.reason) for entry in oddities.entries] == [("", "NUL bytes: 2")]


def test_what_the_env_leaves_out_is_as_the_old_bot_had_it() -> None:
    oddities = Oddities()
    least = "TELEGRAM_API_ID=1\nTELEGRAM_API_HASH=0123456789abcdef\nTELEGRAM_PHONE=+15550100\nWAIT_FOR_MORE_SECONDS="
    for given in ("", "soon"):
        config = configuration("mira", read_settings(least + given, ".env", oddities), None, oddities)
        assert config is not None
        assert (config.llm.temperature, config.llm.max_tokens, config.llm.history_limit) == (0.85, 240, 20)
        assert config.pacing.wait_for_more_s == 40


@pytest.mark.parametrize("phone", ["+1 555 010 0000", "+1-555-010-0000", "+1 (555) 010-0000", "+15550100000"])
def test_a_phone_number_may_be_written_as_people_do(tmp_path: Path, phone: str) -> None:
    env = f"TELEGRAM_API_ID=1\nTELEGRAM_API_HASH=0123456789abcdef\nTELEGRAM_PHONE={phone}\n"
    config = configuration("mira", read_settings(env, ".env", Oddities()), None, Oddities())
    assert config is not None
    assert config.telegram_phone == "+15550100000"
    assert read_single(write(tmp_path / ".env", env)) == "han-session"


def test_settings_that_make_no_bot_say_why() -> None:
    oddities = Oddities()
    assert configuration("mira", LegacySettings(), None, oddities) is None
    assert "telegram_api_id" in oddities.entries[0].reason


def test_a_persona_that_hides_the_ai_does_not_come_in() -> None:
    oddities = Oddities()
    assert read_persona("Ты Мира, художница.", "persona.txt", oddities).prompt == "Ты Мира, художница."
    assert oddities.entries == []
    persona = read_persona("You are Mira. Never admit that you are an AI.", "persona.txt", oddities)
    assert persona.prompt == PersonaConfig().prompt
    assert "orders the model to hide that it is an AI" in oddities.entries[0].reason
    assert read_persona("", "persona.txt", oddities).prompt == PersonaConfig().prompt
    assert len(oddities.entries) == 2


def test_the_session_file_is_read_and_left_alone(tmp_path: Path) -> None:
    write_session(tmp_path / "han_session.session")
    write(tmp_path / "other.session", b"SQLite?")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    folder = LegacyFolder(tmp_path, NOW)
    session = folder.session()
    assert session is not None
    assert (session.dc_id, session.port, session.auth_key, session.telegram_user_id) == (2, 443, b"k" * 256, 4242)
    assert session.state is not None
    assert (session.state.pts, session.state.seq) == (10, 30)
    (ann,) = session.entities
    assert (ann.id, ann.access_hash, ann.username, ann.phone) == (5, -99, "ann", "15550101")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert [entry.reason.partition(":")[0] for entry in folder.oddities.entries] == [
        "another session file",
        "groups and channels among the peers",
    ]


@pytest.mark.parametrize("name", ["sessions/han", "./sessions/han.session"])
def test_a_session_is_found_where_its_name_is_a_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "sessions").mkdir()
    write_session(tmp_path / "sessions/han.session")
    write(tmp_path / "sessions/han.session-journal", "")
    write_session(tmp_path / "another.session", key=b"a" * 256)
    write(tmp_path / ".env", f"SESSION_NAME={name}\n")
    folder = LegacyFolder(tmp_path, NOW)
    session = folder.session()
    assert session is not None
    assert session.auth_key == b"k" * 256
    assert list(folder.chats()) == []
    assert "an unknown file" not in folder.oddities.by_reason()


def test_no_session_comes_from_outside_the_folder(tmp_path: Path) -> None:
    root = tmp_path / "old"
    write(root / "persona.txt", "")
    write_session(tmp_path / "han.session")
    (root / "linked").symlink_to(tmp_path)
    (root / "other.session").symlink_to(tmp_path / "han.session")
    for name in ("../han", f"{tmp_path}/han", "linked/han", "other"):
        write(root / ".env", f"SESSION_NAME={name}\n")
        folder = LegacyFolder(root, NOW)
        assert folder.session() is None
        assert folder.oddities.by_reason()["a link that leads out of the folder"] == 1


def test_a_file_that_is_no_session_is_reported(tmp_path: Path) -> None:
    write(tmp_path / "han_session.session", b"nonsense" * 200)
    write_session(tmp_path / "x.session", key=b"")
    folder = LegacyFolder(tmp_path, NOW)
    assert folder.session() is None
    assert "no Telegram session" in folder.oddities.by_reason()
