"""account.*: the password's challenge and presence."""

from typing import Any

from hanfleet.sandbox.telegram.errors import RpcRefusedError
from hanfleet.sandbox.telegram.primes import DH_PRIME, GENERATOR
from hanfleet.sandbox.telegram.rpc import Call, method
from hanfleet.sandbox.telegram.srp import Challenge, random_salts
from hanfleet.sandbox.telegram.tl import functions, types


def _algorithm(salt1: bytes, salt2: bytes) -> Any:
    kind = types.PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow
    return kind(salt1=salt1, salt2=salt2, g=GENERATOR, p=DH_PRIME.to_bytes(256, "big"))


@method(functions.account.GetPasswordRequest, anonymous=True, for_bots=False)
def get_password(call: Call, _request: Any) -> object:
    """A fresh challenge for whoever is logged in, or has shown a right code."""
    key = call.session.key
    account = call.telegram.accounts.get(key.pending_account_id or key.account_id or 0)
    if account is None:
        raise RpcRefusedError("AUTH_KEY_UNREGISTERED")
    salt1, salt2 = random_salts()
    password = types.account.Password(
        new_algo=_algorithm(salt1, salt2),
        new_secure_algo=types.SecurePasswordKdfAlgoPBKDF2HMACSHA512iter100000(salt=salt1),
        secure_random=salt1 + salt2,
    )
    if account.verifier is not None:
        key.challenge = Challenge(account.verifier)
        password.has_password = True
        password.current_algo = _algorithm(account.verifier.salt1, account.verifier.salt2)
        password.srp_B = key.challenge.public
        password.srp_id = key.challenge.srp_id
    return password


@method(functions.account.UpdateStatusRequest, for_bots=False)
def update_status(_call: Call, _request: Any) -> object:
    return True
