"""A configuration that is refused, field by field. Refuses to repeat what came in: it may be a secret."""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from hanfleet.core.errors import InvalidInputError


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one field (dotted path; empty: with the whole)."""

    field: str
    message: str


class RefusedConfigError(InvalidInputError):
    """One or more fields are refused; the message names them all."""

    def __init__(self, problems: Iterable[FieldProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            " ".join(f"{problem.field or 'The configuration'}: {problem.message}" for problem in self.problems)
        )

    @classmethod
    def of(cls, refused: ValidationError) -> "RefusedConfigError":
        """The same, from pydantic's error."""
        errors = refused.errors(include_url=False, include_input=False, include_context=False)
        return cls(FieldProblem(".".join(map(str, error["loc"])), sentence(error["msg"])) for error in errors)


def sentence(message: str) -> str:
    """Pydantic's message as a sentence."""
    plain = message.removeprefix("Value error, ")
    return f"{plain[:1].upper()}{plain[1:]}."
