"""Pydantic's refusals in words for people: what belongs in the field, with its range or an example.

Refuses to repeat what came in: it may be a secret. Only the names of fields are told, with what no terminal bears
taken out.
"""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

#: What belongs in a field, where its range alone would not tell.
_FIELDS = {
    "bot_id": "Use a-z, 0-9 and -, at most 50 of them, with no - at either end, such as mira.",
    "telegram_api_id": "Give the whole number from https://my.telegram.org, such as 12345.",
    "telegram_api_hash": "Copy the API hash from https://my.telegram.org, a text of 8 to 64 characters.",
    "telegram_phone": "Write the number with its country code, 5 to 15 digits, such as +15550100.",
    "telegram_bot_token": "Copy the token from @BotFather, 10 to 100 characters, such as 123456:ABC-def.",
    "openai_api_key": "Give the key, a text of 1 to 500 characters, or leave it out.",
    "admin_chat_id": "Give the chat's whole number, such as 123456789, or leave it out.",
    "llm.base_url": "Write the whole address of the server, such as https://api.example.com/v1.",
    "quiet_hours.start": "Write a time of day, such as 22:30.",
    "quiet_hours.end": "Write a time of day, such as 08:00.",
    "code": "Give the code as a text of 1 to 32 characters, such as 12345.",
    "q": "Write the words to look for, 1 to 500 characters, such as sailing boat.",
    "bot": "Write the bot's id, such as mira.",
    "principal": "Write what it is and its name, such as operator:owner, bot:mira or system:supervisor.",
    "password": "Give the password as a text of 1 to 256 characters.",
}

#: What belongs in a field of a kind, by the beginning of pydantic's name for the error; the first that fits.
_KINDS = (
    ("string_type", "Write a text."),
    ("int_", "Give a whole number."),
    ("float_", "Give a number."),
    ("finite_number", "Give a number."),
    ("bool_", "Say true or false."),
    ("tuple_", "Give a list."),
    ("list_", "Give a list."),
    ("model_", "Give a table of fields."),
    ("dict_", "Give a table of fields."),
    ("url_", "Write a whole address, such as https://example.com."),
    ("time_", "Write a time of day, such as 22:30."),
    ("json_invalid", "This is no JSON: send an object of fields in UTF-8."),
    ("string_pattern_mismatch", "It is written otherwise: take it from an answer of the API as it is."),
)
_MOST_NAME = 60
_FARTHEST = 2  # letters that a mistyped name has too many or too few


def field_name(location: Sequence[Any]) -> str:
    """The dotted path."""
    return ".".join(_clean(part) for part in location)


def told(error: Mapping[str, Any], location: Sequence[Any], model: type[BaseModel] | None = None) -> str:
    """The sentence for one of pydantic's errors at ``location``; ``model`` knows the fields, their names and ranges."""
    kind, field = str(error["type"]), field_name(location)
    if kind == "extra_forbidden":
        return _unknown(field, _names_beside(model, location))
    if kind == "missing":
        example = _FIELDS.get(field, "")
        return f"It is missing: set it. {example}".strip() if field else "Send an object of fields in JSON."
    if kind == "value_error":
        return _sentence(str(error["msg"]))
    return _FIELDS.get(field) or _by_kind(error, _field_at(model, location))


def _unknown(field: str, names: Sequence[str]) -> str:
    path, _, name = field.rpartition(".")
    like_it = [known for known in names if abs(len(known) - len(name)) <= _FARTHEST]
    near = difflib.get_close_matches(name, like_it, n=1)
    if not near:
        return f"There is no field {field}: leave it out."
    return f"There is no field {field}; did you mean {f'{path}.{near[0]}' if path else near[0]}?"


def _by_kind(error: Mapping[str, Any], field: FieldInfo | None) -> str:
    kind, context = str(error["type"]), error.get("ctx") or {}
    if kind in ("enum", "literal_error"):
        return f"Choose {context['expected']}."
    words = next((words for beginning, words in _KINDS if kind.startswith(beginning)), None)
    return _range_of(kind, field, context) or words or _sentence(str(error["msg"]))


def _range_of(kind: str, field: FieldInfo | None, context: Mapping[str, Any]) -> str | None:
    limits = dict(context)
    for constraint in field.metadata if field else ():
        for limit in ("gt", "ge", "lt", "le", "min_length", "max_length"):
            if (value := getattr(constraint, limit, None)) is not None:
                limits[limit] = value
    if kind.endswith(("too_short", "too_long")):
        least, most = limits.get("min_length"), limits.get("max_length")
        return f"Write {_between(least, most)} characters."
    if kind.startswith(("greater_than", "less_than")):
        if "gt" in limits:
            most = f" and at most {limits['le']}" if "le" in limits else ""
            return f"Give a number above {limits['gt']}{most}."
        if "lt" in limits:
            return f"Give a number of {limits['ge']} or more, below {limits['lt']}." if "ge" in limits else None
        return f"Give a number {_between(limits.get('ge'), limits.get('le'), spans=True)}."
    return None


def _between(least: Any, most: Any, *, spans: bool = False) -> str:
    if least is None:
        return f"of at most {most}" if spans else f"at most {most}"
    if most is None:
        return f"of at least {least}" if spans else f"at least {least}"
    return f"from {least} to {most}" if spans else f"{least} to {most}"


def _names_beside(model: type[BaseModel] | None, location: Sequence[Any]) -> list[str]:
    for part in location[:-1]:
        model = _model_in(model, part)
    return list(model.model_fields) if model else []


def _field_at(model: type[BaseModel] | None, location: Sequence[Any]) -> FieldInfo | None:
    for part in location[:-1]:
        model = _model_in(model, part)
    return model.model_fields.get(str(location[-1])) if model and location else None


def _model_in(model: type[BaseModel] | None, name: Any) -> type[BaseModel] | None:
    field = model.model_fields.get(str(name)) if model else None
    if field is None:
        return None
    kinds = (field.annotation, *get_args(field.annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _sentence(message: str) -> str:
    plain = message.removeprefix("Value error, ")
    return f"{plain[:1].upper()}{plain[1:]}."


def _clean(part: Any) -> str:
    return "".join(char if char.isprintable() else "·" for char in str(part)[:_MOST_NAME])
