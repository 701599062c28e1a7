"""persona.txt, judged like any persona: one that orders the model to hide that it is an AI does not come in."""

from pydantic import ValidationError

from hanfleet.control.legacy.cleaning import clean_text
from hanfleet.control.legacy.oddities import Oddities
from hanfleet.control.legacy.settings_file import old_persona
from hanfleet.core.config import PersonaConfig
from hanfleet.core.errors import InvalidInputError
from hanfleet.persona.validation import check_persona

_DONE = "refused; the neutral default stands in"


def read_persona(text: str, file: str, oddities: Oddities) -> PersonaConfig:
    """The persona, or the neutral one with a note that says why."""
    prompt, bad = clean_text(text.strip())
    if bad:
        oddities.note(file, "", f"characters that no database keeps: {bad}", "replaced by U+FFFD")
    try:
        persona = old_persona(prompt)
        check_persona(persona)
    except ValidationError as refused:
        oddities.note(file, "", f"the persona is refused: {refused.errors(include_input=False)[0]['msg']}", _DONE)
    except InvalidInputError as refused:
        oddities.note(file, "", f"the persona is refused: {refused}", _DONE)
    else:
        return persona
    return old_persona(None)
