"""Structured logs: one JSON object a line, with the context (bot, correlation id) that was bound to it.

Refuses to print secrets: values of pydantic's secret types print as stars by themselves, and keys whose names
speak of a secret are masked here, whatever they hold.

Refuses to say who was talked to: a chat is called by a word that one process makes up and nobody can undo, since the
key behind it is random, written nowhere, and ends with the process. So nothing has to be erased from a log.
"""

import hmac
import logging
import re
import secrets
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO

from hanfleet.kit.imports import hidden

# structlog imports rich where it is installed, for tracebacks in colour: 3 MB in every process of a fleet.
with hidden("rich"):
    import structlog

_CHAT_KEYS = ("chat_id", "chats")
#: Numbers of people, in sentences of errors: Telegram's, and telephones. Times, sizes and line numbers are shorter.
_LONG_NUMBER = re.compile(r"(?<![\w.-])\+?\d{7,}(?![\w.-]*\d)")
_SECRET_WORDS = ("password", "secret", "token", "api_key", "auth_key", "api_hash", "data_key", "master_key")


def mask_secrets(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Replace the value of every key that names a secret."""
    for key in event:
        if any(word in key.lower() for word in _SECRET_WORDS):
            event[key] = "***"
    return event


def chat_words() -> Callable[[int], str]:
    """Gives each chat a word of its own: the same for as long as this function lives, and no other one finds it."""
    key = secrets.token_bytes(16)

    def word(chat_id: int) -> str:
        return f"chat-{hmac.digest(key, str(chat_id).encode(), 'sha256').hex()[:8]}"

    return word


class HidePeople:
    """Replaces chats' numbers by words, and long numbers in free text by a sign. Comes after tracebacks are text."""

    def __init__(self) -> None:
        self._word = chat_words()

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in event.items():
            if key in _CHAT_KEYS:
                event[key] = [self._word(one) for one in value] if isinstance(value, list) else self._word(value)
            elif key != "timestamp" and isinstance(value, str):
                event[key] = _LONG_NUMBER.sub("…", value)
        return event


def configure_logging(process: str, *, level: str = "INFO", stream: TextIO | None = None, human: bool = False) -> None:
    """Send structlog and the standard library's logging to ``stream`` (default: standard error).

    ``process`` is bound to every line; ``human`` prints for eyes instead of JSON.
    """
    target = stream or sys.stderr
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask_secrets,
    ]
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    if human:
        # Colours are for terminals; in a file or a pipe their codes stand between the words.
        renderer = structlog.dev.ConsoleRenderer(colors=target.isatty())
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            HidePeople(),
            renderer,
        ],
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("telethon", "httpx", "httpx2", "httpcore", "httpcore2", "asyncio", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(process=process)


def get_logger(name: str) -> Any:
    """A structlog logger that carries ``name``."""
    return structlog.stdlib.get_logger(name)
