"""The answer to bad input, on every route of the control interface: 422 and one sentence that names the field.

FastAPI's own answer is a list for programs. It also repeats what came in, which JSON cannot always say again.
"""

from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

_WHERE_IT_CAME_FROM = {"body", "query", "path"}


async def explain(_request: Request, wrong: RequestValidationError) -> JSONResponse:
    """The application's exception handler for RequestValidationError."""
    said = "; ".join(_mending(error) for error in wrong.errors())
    return JSONResponse({"detail": f"Nothing was changed; please mend {said}."}, 422)


def _mending(error: dict[str, Any]) -> str:
    if error["type"] == "json_invalid":
        return "the body: it is not valid JSON"
    place = ".".join(str(step) for step in error["loc"] if step not in _WHERE_IT_CAME_FROM)
    return f"{place or 'the body'}: {error['msg']}"
