"""auth.*: logging in with phone, code and password or with a bot token, and logging out.

Sign-up is refused: third-party clients have not been able to sign up since 2023.
"""

from typing import Any

from hanfleet.sandbox.telegram.accounts import Account, digits_of
from hanfleet.sandbox.telegram.errors import RpcRefusedError
from hanfleet.sandbox.telegram.rpc import Call, method
from hanfleet.sandbox.telegram.tl import functions, types


def _check_api(request: Any) -> None:
    if request.api_id <= 0 or not request.api_hash:
        raise RpcRefusedError("API_ID_INVALID")


def _phone(text: str) -> str:
    digits = digits_of(text)
    if not 5 <= len(digits) <= 15:
        raise RpcRefusedError("PHONE_NUMBER_INVALID")
    return digits


def _authorised(call: Call, account: Account) -> object:
    call.telegram.keys.log_in(call.session.key, account.id)
    return types.auth.Authorization(user=call.telegram.views.user(account, account))


def _sent(code_hash: str) -> object:
    return types.auth.SentCode(type=types.auth.SentCodeTypeApp(length=5), phone_code_hash=code_hash)


@method(functions.auth.SendCodeRequest, anonymous=True)
def send_code(call: Call, request: Any) -> object:
    """Make a code; the control interface tells it, as the person's phone would."""
    _check_api(request)
    return _sent(call.telegram.new_code(_phone(request.phone_number)))


@method(functions.auth.ResendCodeRequest, anonymous=True)
def resend_code(call: Call, request: Any) -> object:
    phone = _phone(request.phone_number)
    known = call.telegram.code_of(phone)
    if known is None or known[1] != request.phone_code_hash:
        raise RpcRefusedError("PHONE_CODE_EXPIRED")
    return _sent(call.telegram.new_code(phone))


@method(functions.auth.CancelCodeRequest, anonymous=True)
def cancel_code(call: Call, request: Any) -> object:
    call.telegram.use_up_code(_phone(request.phone_number))
    return True


@method(functions.auth.SignInRequest, anonymous=True)
def sign_in(call: Call, request: Any) -> object:
    phone = _phone(request.phone_number)
    if not request.phone_code:
        raise RpcRefusedError("PHONE_CODE_EMPTY")
    known = call.telegram.code_of(phone)
    if known is None or known[1] != request.phone_code_hash:
        raise RpcRefusedError("PHONE_CODE_EXPIRED")
    if known[0] != request.phone_code:
        raise RpcRefusedError("PHONE_CODE_INVALID")
    account = call.telegram.accounts.by_phone(phone)
    if account is None:
        return types.auth.AuthorizationSignUpRequired()
    call.telegram.use_up_code(phone)
    if account.verifier is not None:
        call.telegram.keys.await_password(call.session.key, account.id)
        raise RpcRefusedError("SESSION_PASSWORD_NEEDED")
    return _authorised(call, account)


@method(functions.auth.SignUpRequest, anonymous=True)
def sign_up(_call: Call, _request: Any) -> object:
    raise RpcRefusedError("UPDATE_APP_TO_LOGIN", 406)


@method(functions.auth.CheckPasswordRequest, anonymous=True)
def check_password(call: Call, request: Any) -> object:
    """The answer to account.getPassword's challenge; each challenge is good for one try."""
    key = call.session.key
    account = call.telegram.accounts.get(key.pending_account_id or key.account_id or 0)
    if account is None:
        raise RpcRefusedError("AUTH_KEY_UNREGISTERED")
    challenge, key.challenge = key.challenge, None
    answer = request.password
    if isinstance(answer, types.InputCheckPasswordEmpty):
        raise RpcRefusedError("PASSWORD_HASH_INVALID")
    if challenge is None or challenge.srp_id != answer.srp_id:
        raise RpcRefusedError("SRP_ID_INVALID")
    if not challenge.is_answered_by(answer.A, answer.M1):
        raise RpcRefusedError("PASSWORD_HASH_INVALID")
    return _authorised(call, account)


@method(functions.auth.ImportBotAuthorizationRequest, anonymous=True)
def import_bot_authorization(call: Call, request: Any) -> object:
    _check_api(request)
    account = call.telegram.accounts.by_token(request.bot_auth_token)
    if account is None:
        raise RpcRefusedError("ACCESS_TOKEN_INVALID")
    return _authorised(call, account)


@method(functions.auth.LogOutRequest)
def log_out(call: Call, _request: Any) -> object:
    call.telegram.keys.log_out(call.session.key)
    return types.auth.LoggedOut()
