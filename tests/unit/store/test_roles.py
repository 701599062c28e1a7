"""Role names and password verifiers."""

import base64
import hashlib
import hmac

from hanfleet.store.roles import RoleNames, new_bot_role, new_install_id, new_password, scram_verifier


def test_the_verifier_is_the_one_of_rfc_7677() -> None:
    """The exchange of RFC 7677 section 3: its server signature follows from our ServerKey."""
    verifier = scram_verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    kind, parameters, keys = verifier.split("$")
    assert (kind, parameters) == ("SCRAM-SHA-256", "4096:W22ZaJ0SNY7soEsUEjb6gQ==")
    stored_key, server_key = (base64.b64decode(key) for key in keys.split(":"))
    auth_message = (
        b"n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        b"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    signature = base64.b64encode(hmac.digest(server_key, auth_message, "sha256")).decode()
    assert signature == "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    client_signature = hmac.digest(stored_key, auth_message, "sha256")
    client_key = bytes(a ^ b for a, b in zip(proof, client_signature, strict=True))
    assert hashlib.sha256(client_key).digest() == stored_key


def test_a_bots_role_says_nothing_about_the_bot_and_nothing_repeats() -> None:
    names = {new_bot_role("0abcdef1") for _ in range(50)}
    assert len(names) == 50
    assert all(name.startswith("hf_0abcdef1_") and len(name) == 20 for name in names)
    assert len({new_install_id() for _ in range(50)}) == 50
    assert len({new_password() for _ in range(50)}) == 50
    assert scram_verifier("x") != scram_verifier("x")
    assert RoleNames.of("0abcdef1").supervisor == "hf_0abcdef1_supervisor"
