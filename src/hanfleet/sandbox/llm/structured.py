"""Small valid JSON for requests that ask for JSON, such as summaries and profile extraction.

With a JSON schema the answer satisfies the usual keywords of it; without one it is a fixed little object. It carries no
nonces: such answers are read by the bot, never sent to a contact.
"""

import json
import re
from typing import Any

from hanfleet.sandbox.llm.conversation import Prompt
from hanfleet.sandbox.llm.language import detect_language

_ASKED_IN_PROSE = re.compile(
    r"(?is)\b(?:answer|reply|respond|return|output|produce|give|write|format\w*|only|valid|ответ\w*|верни\w*|выведи\w*|напиши\w*)"
    r"\b[^.\n]{0,60}\bJSON\b"
)
_MAX_DEPTH = 8
_MAX_ITEMS = 8


def asks_for_json(prompt: Prompt) -> bool:
    """By the request's format field, or in words by the system prompt; a contact's own words do not count there."""
    if prompt.json_asked or prompt.schema is not None:
        return True
    words = prompt.system or "\n".join(prompt.user_texts[-1:])
    return bool(_ASKED_IN_PROSE.search(words))


def compose_json(prompt: Prompt) -> str:
    """The JSON text that answers ``prompt``."""
    language = detect_language(prompt.user_texts)
    if prompt.schema is not None:
        return json.dumps(_instance(prompt.schema, language, 0), ensure_ascii=False)
    summary = "Спокойная беседа о мелочах." if language == "ru" else "A calm talk about small things."
    return json.dumps({"summary": summary, "language": language, "facts": []}, ensure_ascii=False)


def _instance(schema: Any, language: str, depth: int) -> Any:
    """A value for the schema: const, default, enum, the first alternative, else by type; anything else gives null."""
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return None
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    alternatives = schema.get("anyOf") or schema.get("oneOf")
    if alternatives:
        return _instance(alternatives[0], language, depth + 1)
    return _by_type(schema, language, depth)


def _by_type(schema: dict[str, Any], language: str, depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else None)
    kind = kind[0] if isinstance(kind, list) and kind else kind
    match kind:
        case "object":
            properties = schema.get("properties")
            named = properties.items() if isinstance(properties, dict) else ()
            return {name: _instance(sub, language, depth + 1) for name, sub in named}
        case "array":
            length = schema.get("minItems", 0)
            length = min(length, _MAX_ITEMS) if isinstance(length, int) else 0
            return [_instance(schema.get("items"), language, depth + 1) for _ in range(length)]
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "string":
            return "пример" if language == "ru" else "example"
        case "boolean":
            return False
    return None
