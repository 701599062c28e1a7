"""What a method answers when it refuses. The codes are Telegram's own, as its error list and clients know them."""

from typing import Final

_CODES: Final[tuple[tuple[str, int], ...]] = (
    ("FLOOD_", 420),
    ("SLOWMODE_WAIT_", 420),
    ("FROZEN_", 420),
    ("AUTH_KEY_DUPLICATED", 406),
    ("AUTH_KEY_", 401),
    ("SESSION_", 401),
    ("USER_DEACTIVATED", 401),
    ("MESSAGE_AUTHOR_REQUIRED", 403),
    ("CHAT_WRITE_FORBIDDEN", 403),
    ("USER_PRIVACY_RESTRICTED", 403),
    ("RANDOM_ID_DUPLICATE", 500),
    ("RPC_", 500),
    ("INTERDC_", 500),
    ("WORKER_BUSY_TOO_LONG_RETRY", 500),
    ("TIMEOUT", 503),
)


def usual_code(message: str) -> int:
    """The code with which Telegram sends this error; 400 for those that have no place of their own."""
    for prefix, code in _CODES:
        if message.startswith(prefix):
            return code
    return 400


class RpcRefusedError(Exception):
    """Telegram refuses this request: ``code`` and ``message`` go to the client as they stand."""

    def __init__(self, message: str, code: int | None = None) -> None:
        self.message = message
        self.code = usual_code(message) if code is None else code
        super().__init__(f"{self.code} {message}")


class MalformedPacketError(Exception):
    """These bytes are no MTProto; the connection that brought them is closed."""


class UnknownConstructorError(Exception):
    """A well-formed message holds a TL constructor that this layer does not know."""

    def __init__(self, constructor_id: int) -> None:
        self.constructor_id = constructor_id
        super().__init__(f"unknown TL constructor {constructor_id:#010x}")
