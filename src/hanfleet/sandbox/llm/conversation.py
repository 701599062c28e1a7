"""A request's messages, whichever API they came through: what the model is told, and what it has to answer now.

It reads the text of both vendors' message shapes and ignores pictures, sound and tool traffic; a shape that no OpenAI
server would take is refused with a sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]

_ROLES: dict[str, Role | None] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": None,
    "function": None,
}
_TEXT_PARTS = frozenset({"text", "input_text", "output_text"})


class UnreadableInputError(ValueError):
    """The input has a shape that no OpenAI server takes; the message names the place and the mending."""

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True)
class Said:
    """One message of the conversation, text only."""

    role: Role
    text: str


@dataclass(frozen=True)
class Prompt:
    """What an answer depends on.

    ``answered`` are the user's texts after the last assistant message of the new input: those which the answer is for.
    ``user_texts`` are all user texts of the new input. ``schema`` is the JSON schema that was asked for, if any.
    """

    system: str
    user_texts: tuple[str, ...]
    answered: tuple[str, ...]
    json_asked: bool = False
    schema: dict[str, Any] | None = None
    max_output_tokens: int | None = None


def make_prompt(
    said: Sequence[Said],
    *,
    instructions: str | None = None,
    json_asked: bool = False,
    schema: dict[str, Any] | None = None,
    max_output_tokens: int | None = None,
) -> Prompt:
    """Sort the messages of one request; ``instructions`` come before its own system messages."""
    last_assistant = max((at for at, one in enumerate(said) if one.role == "assistant"), default=-1)
    return Prompt(
        system="\n".join(
            [*([instructions] if instructions else []), *(one.text for one in said if one.role == "system")]
        ),
        user_texts=tuple(one.text for one in said if one.role == "user"),
        answered=tuple(one.text for one in said[last_assistant + 1 :] if one.role == "user"),
        json_asked=json_asked,
        schema=schema,
        max_output_tokens=max_output_tokens,
    )


def read_messages(items: Any, param: str) -> tuple[Said, ...]:
    """Messages of Chat Completions (`messages`) or items of Responses (`input`, also a bare string)."""
    if isinstance(items, str) and param == "input":
        return (Said("user", items),)
    if not isinstance(items, list) or not items:
        raise UnreadableInputError(f"'{param}' must be a list with at least one message.", param)
    said = (_read_one(item, f"{param}[{at}]") for at, item in enumerate(items))
    return tuple(one for one in said if one is not None)


def _read_one(item: Any, param: str) -> Said | None:
    if not isinstance(item, dict):
        raise UnreadableInputError(f"'{param}' must be an object with 'role' and 'content'.", param)
    if item.get("type", "message") != "message":
        return None
    name = item.get("role")
    if not isinstance(name, str) or name not in _ROLES:
        raise UnreadableInputError(
            f"'{param}.role' must be one of system, developer, user, assistant.", f"{param}.role"
        )
    role = _ROLES[name]
    return None if role is None else Said(role, _read_text(item.get("content"), f"{param}.content"))


def _read_text(content: Any, param: str) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise UnreadableInputError(f"'{param}' must be a string or a list of content parts.", param)
    texts = [part.get("text") for part in content if part.get("type") in _TEXT_PARTS]
    if not all(isinstance(text, str) for text in texts):
        raise UnreadableInputError(f"A text part of '{param}' has no 'text'.", param)
    return "\n".join(text for text in texts if text is not None)
