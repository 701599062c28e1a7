"""What a log line may say of people."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from hanfleet.kit.logging import configure_logging, get_logger


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    configure_logging("test", stream=stream)
    yield stream
    configure_logging("test")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [io.StringIO(), _Terminal()])
def test_colours_are_for_terminals_alone(stream: io.StringIO, log: io.StringIO) -> None:
    configure_logging("test", stream=stream, human=True)
    get_logger("sandbox").warning("the sandbox listens", port=21000)
    assert "the sandbox listens" in stream.getvalue()
    assert ("\x1b[" in stream.getvalue()) is stream.isatty()
    assert log.getvalue() == ""


def lines(log: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_chat_has_a_word_that_lasts_as_long_as_the_process(log: io.StringIO) -> None:
    get_logger("turn").info("a turn is decided", chat_id=124651738, ms=1234567)
    get_logger("inbox").info("messages taken", chats=[124651738, 5132847736], count=2)
    configure_logging("test", stream=log)
    get_logger("turn").info("a turn is decided", chat_id=124651738)
    first, both, later = lines(log)
    assert "124651738" not in log.getvalue()
    assert first["chat_id"] == both["chats"][0] != both["chats"][1]  # type: ignore[index]
    assert later["chat_id"] != first["chat_id"], "another process cannot be asked who it was"
    assert first["ms"] == 1234567


def test_long_numbers_go_out_of_sentences_and_tracebacks(log: io.StringIO) -> None:
    trouble = ValueError("This account has never met 124651738, or +15550100123.")
    get_logger("lanes").error("a chat is in trouble", exc_info=trouble)
    logging.getLogger("asyncio").error("Task chat 124651738 was lost")
    logging.getLogger("vendor").error("at 2026-11-21T14:19:18.690351Z, 10.0.0.1:54321, pid 1234567-8, 0x7f0012345678")
    told = log.getvalue()
    assert "124651738" not in told
    assert "15550100123" not in told
    assert "never met …, or …." in told
    assert "2026-11-21T14:19:18.690351Z, 10.0.0.1:54321, pid 1234567-8, 0x7f0012345678" in told
