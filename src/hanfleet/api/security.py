"""Who may ask: whoever holds the fleet's bearer token (RFC 6750)."""

import hmac
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

_BEARER = HTTPBearer(auto_error=False, description="The token in the home's secrets.json (api_token).")


def holder_of(token: SecretStr) -> Callable[..., Awaitable[None]]:
    """A dependency that lets only holders of ``token`` through."""
    expected = token.get_secret_value().encode()

    async def check(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> None:
        # Compared in constant time, so that no one guesses the token byte by byte.
        if given is None or not hmac.compare_digest(given.credentials.encode(), expected):
            raise HTTPException(HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": 'Bearer realm="hanfleet"'})

    return check
