"""Structured logs: one JSON object a line, with the context (bot, correlation id) that was bound to it.

Refuses to print secrets: values of pydantic's secret types print as stars by themselves, and keys whose names
speak of a secret are masked here, whatever they hold.
"""

import logging
import sys
from typing import Any, TextIO

import structlog

_SECRET_WORDS = ("password", "secret", "token", "api_key", "auth_key", "api_hash", "data_key", "master_key")


def mask_secrets(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Replace the value of every key that names a secret."""
    for key in event:
        if any(word in key.lower() for word in _SECRET_WORDS):
            event[key] = "***"
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
    renderer: Any = structlog.dev.ConsoleRenderer() if human else structlog.processors.JSONRenderer(ensure_ascii=False)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
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
