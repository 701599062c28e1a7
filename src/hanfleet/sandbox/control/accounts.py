"""Routes that make and show accounts, and tell log-in codes as a phone would."""

from fastapi import APIRouter, HTTPException

from hanfleet.sandbox.control.actions import find_account
from hanfleet.sandbox.control.models import AccountCreation, AccountView, CodeView
from hanfleet.sandbox.telegram.accounts import Account, AccountRefusedError, NewAccount, digits_of
from hanfleet.sandbox.telegram.service import Telegram


def _view(telegram: Telegram, account: Account) -> AccountView:
    statement = "SELECT pts, top_id FROM accounts WHERE id = ?"
    row = telegram.database.execute(statement, (account.id,)).fetchone()
    return AccountView(
        id=account.id,
        kind="bot" if account.is_bot else "user",
        phone=account.phone,
        token=account.token,
        username=account.username,
        first_name=account.first_name,
        last_name=account.last_name,
        language_code=account.language_code,
        has_password=account.verifier is not None,
        pts=row["pts"],
        top_message_id=row["top_id"],
    )


def account_routes(telegram: Telegram) -> APIRouter:
    """/accounts and /codes."""
    router = APIRouter(tags=["accounts"])

    @router.post("/accounts", status_code=201)
    async def create(body: AccountCreation) -> AccountView:
        """Make a person or a bot."""
        is_bot = body.kind == "bot"
        if is_bot and (body.phone or body.password):
            raise HTTPException(422, "A bot has no phone and no password: leave them out, or make a user.")
        if body.token and not is_bot:
            raise HTTPException(422, "A user has no token: leave it out, or make a bot.")
        wanted = NewAccount(
            is_bot=is_bot,
            first_name=body.first_name,
            last_name=body.last_name,
            phone=body.phone,
            username=body.username,
            language_code=body.language_code,
            password=body.password,
            token=body.token,
        )
        try:
            return _view(telegram, telegram.accounts.create(wanted, int(telegram.now())))
        except AccountRefusedError as error:
            raise HTTPException(422, f"The account cannot be made: {error}.") from error

    @router.get("/accounts")
    async def list_accounts() -> list[AccountView]:
        """All accounts."""
        return [_view(telegram, account) for account in telegram.accounts.all()]

    @router.get("/accounts/{account_id}")
    async def show(account_id: int) -> AccountView:
        """One account."""
        return _view(telegram, find_account(telegram, account_id))

    @router.get("/codes/{phone}")
    async def code(phone: str) -> CodeView:
        """The newest log-in code that was asked for with this phone number and is not used up."""
        digits = digits_of(phone)
        known = telegram.code_of(digits)
        if known is None:
            raise HTTPException(404, f"No log-in code was asked for with the phone number {phone}.")
        return CodeView(phone=digits, code=known[0])

    return router
