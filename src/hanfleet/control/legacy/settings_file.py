"""The old .env: what becomes the bot's configuration, what has no use any more, and what is wrong in it.

Refuses to repeat a value in the report: any of them may be a secret.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from hanfleet.control.legacy.oddities import Oddities
from hanfleet.control.refusals import RefusedConfigError
from hanfleet.core.config import BotConfig, LlmConfig, PacingConfig, PersonaConfig

#: What the old bot answered without a model.
OLD_FALLBACK = "Как прошёл твой день?"
DEFAULT_SESSION = "han_session"
_NAME = "Han"
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)", re.DOTALL)
_BETWEEN_DIGITS = re.compile(r"[\s()-]")  # the old bot's Telethon let a number be written as people do
_FOLDERS = ("GIRLS_DATA_PATH", "CONVERSATIONS_DIR", "BACKUPS_DIR")
_USELESS = {
    "ADMIN_BOT_API_KEY": "not imported: Hanfleet has no separate admin bot",
    "PROFILE_ANALYZE_EVERY_N": "not imported: Hanfleet decides itself when it looks at a profile",
    "LOG_FILE": "not needed: logs are in the fleet's folder",
    "LOG_LEVEL": "not needed: hanfleet up --log-level",
}
#: variable → (part of the configuration, its field)
_FIELDS = {
    "TELEGRAM_API_ID": ("", "telegram_api_id"),
    "TELEGRAM_API_HASH": ("", "telegram_api_hash"),
    "TELEGRAM_PHONE": ("", "telegram_phone"),
    "ADMIN_CHAT_ID": ("", "admin_chat_id"),
    "OPENAI_API_KEY": ("", "openai_api_key"),
    "OPENAI_BASE_URL": ("llm", "base_url"),  # the old bot never looked at it, but its OpenAI library did
    "OPENAI_MODEL": ("llm", "model"),
    "OPENAI_TEMPERATURE": ("llm", "temperature"),
    "OPENAI_MAX_TOKENS": ("llm", "max_tokens"),
    "HISTORY_LIMIT": ("llm", "history_limit"),
    "WAIT_FOR_MORE_SECONDS": ("pacing", "wait_for_more_s"),
}
#: What the old bot took for what its .env left out. Our own defaults may move; what it did must come over as it was.
_OLD_DEFAULTS: dict[str, dict[str, Any]] = {
    "llm": {"temperature": 0.85, "max_tokens": 240, "history_limit": 20},
    "pacing": {"wait_for_more_s": 40.0},
}
_PARTS: dict[str, Any] = {"llm": LlmConfig, "pacing": PacingConfig}


@dataclass(frozen=True)
class LegacySettings:
    """``file`` is "" where there was no .env; ``values`` hold secrets."""

    file: str = ""
    values: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def session_name(self) -> str:
        return self.values.get("SESSION_NAME") or DEFAULT_SESSION

    def folder(self, variable: str, default: str) -> str:
        """Where the old bot kept something."""
        return self.values.get(variable) or default


def read_settings(text: str, file: str, oddities: Oddities) -> LegacySettings:
    """``NAME=value`` lines as dotenv readers take them: comments, export, quotes."""
    values: dict[str, str] = {}
    if nuls := text.count("\x00"):
        oddities.note(file, "", f"NUL bytes: {nuls}", "passed over")
    for number, line in enumerate(text.replace("\x00", "").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            oddities.note(file, f"line {number}", "no setting", "left out")
            continue
        name = found[1]
        if name in values:
            oddities.note(file, name, "the same setting twice", "the last one counts")
        values[name] = _value(found[2])
    for name in values.keys() - _FIELDS.keys() - {*_FOLDERS, "SESSION_NAME"}:
        oddities.note(file, name, "a setting of no use", _USELESS.get(name, "not imported"))
    return LegacySettings(file, values)


def configuration(
    bot_id: str, settings: LegacySettings, persona: PersonaConfig | None, oddities: Oddities
) -> BotConfig | None:
    """The bot that the settings describe; None, with notes, when what it needs most is missing or wrong."""
    document: dict[str, Any] = {"bot_id": bot_id, "name": _NAME}
    document |= {part: dict(defaults) for part, defaults in _OLD_DEFAULTS.items()}
    document["persona"] = persona or old_persona(None)
    for variable, (part, name) in _FIELDS.items():
        value = settings.values.get(variable, "").strip()
        if name == "telegram_phone":
            value = _BETWEEN_DIGITS.sub("", value)
        if not value:
            continue
        if part and not _fits(part, name, value):
            oddities.note(settings.file, variable, "a value that cannot be", "the old bot's default stands in")
            continue
        (document[part] if part else document)[name] = value
    if "admin_chat_id" in document and not document["admin_chat_id"].lstrip("-").isdigit():
        oddities.note(settings.file, "ADMIN_CHAT_ID", "a value that cannot be", "left out")
        del document["admin_chat_id"]
    try:
        return BotConfig.model_validate(document)
    except ValidationError as refused:
        reason = str(RefusedConfigError.of(refused))
        oddities.note(settings.file, "", f"the settings make no bot: {reason}", "it waits for hanfleet bots configure")
        return None


def old_persona(prompt: str | None) -> PersonaConfig:
    """The old bot's language and fixed answer; the neutral prompt where there is no other."""
    prompts = {} if prompt is None else {"prompt": prompt}
    return PersonaConfig(language="ru", fallback=OLD_FALLBACK, **prompts)


def _fits(part: str, name: str, value: str) -> bool:
    try:
        _PARTS[part](**{name: value})
    except ValidationError:
        return False
    return True


def _value(raw: str) -> str:
    raw = raw.strip()
    if len(raw) >= 2 and raw[0] in "'\"":
        end = raw.find(raw[0], 1)
        if end > 0:
            return raw[1:end]
    return re.split(r"\s#", raw, maxsplit=1)[0].strip()
