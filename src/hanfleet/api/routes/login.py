"""/api/bots/{bot_id}/login: a person logs a bot in, step by step: ask for the code, send it, send the password."""

from http import HTTPStatus

from fastapi import APIRouter

from hanfleet.api.errors import responses
from hanfleet.api.routes.bots import BotIdPath
from hanfleet.api.schemas import LoginCode, LoginPassword
from hanfleet.control import LoginStep, MultiBotManager


def router(manager: MultiBotManager) -> APIRouter:
    routes = APIRouter(prefix="/bots/{bot_id}/login", tags=["login"], responses=responses(HTTPStatus.GATEWAY_TIMEOUT))

    @routes.post("", operation_id="request_login_code")
    async def request_code(bot_id: BotIdPath) -> LoginStep:
        """Have Telegram send a code to the account."""
        return await manager.logins.request_code(bot_id)

    @routes.post("/code", operation_id="submit_login_code", responses=responses(HTTPStatus.BAD_REQUEST))
    async def submit_code(bot_id: BotIdPath, body: LoginCode) -> LoginStep:
        """Log in with the code."""
        return await manager.logins.submit_code(bot_id, body.code)

    @routes.post("/password", operation_id="submit_login_password", responses=responses(HTTPStatus.BAD_REQUEST))
    async def submit_password(bot_id: BotIdPath, body: LoginPassword) -> LoginStep:
        """Answer the two-step verification."""
        return await manager.logins.submit_password(bot_id, body.password)

    return routes
