"""A configuration that is refused, field by field. Refuses to repeat what came in: it may be a secret."""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from hanfleet.control.wording import field_name, told
from hanfleet.core.config import BotConfig
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
        errors = refused.errors(include_url=False, include_input=False)
        return cls(FieldProblem(field_name(error["loc"]), told(error, error["loc"], BotConfig)) for error in errors)
