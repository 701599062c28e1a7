"""Exit statuses of every command, and the sentence that goes with them.

0: done. 1: it failed, and the sentence says why. 2: bad input, or refused in the present state. 3: there is no such
thing. 4: the fleet's API cannot be reached or refuses our token. 130: interrupted.
"""

import sys

from hanfleet.core.errors import ConflictError, HanfleetError, InvalidInputError, NotFoundError

DONE = 0
FAILED = 1
REFUSED = 2
MISSING = 3
UNREACHABLE = 4
INTERRUPTED = 130

HELP = (
    "Exit status: 0 done; 1 failed; 2 bad input, or refused in the present state; 3 no such thing; "
    "4 the fleet's API is out of reach or refuses the token; 130 interrupted."
)


class UnreachableError(HanfleetError):
    """No API answers, or it does not know us."""


def status_of(error: HanfleetError) -> int:
    """The exit status for an error."""
    if isinstance(error, NotFoundError):
        return MISSING
    if isinstance(error, ConflictError | InvalidInputError):
        return REFUSED
    if isinstance(error, UnreachableError):
        return UNREACHABLE
    return FAILED


def tell(sentence: str) -> None:
    """One sentence on standard error."""
    from hanfleet.cli.messages import say

    print(say("cli.error", sentence=sentence), file=sys.stderr)
