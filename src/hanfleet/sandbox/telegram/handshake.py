"""Making an authorisation key with a client: https://core.telegram.org/mtproto/auth_key.

One object for one connection; it keeps no key that was not finished and refuses steps out of order.
"""

import secrets
import struct
from collections.abc import Callable
from hashlib import sha1
from typing import Any

from hanfleet.sandbox.telegram.cipher import decrypt_ige, encrypt_ige
from hanfleet.sandbox.telegram.errors import MalformedPacketError
from hanfleet.sandbox.telegram.primes import DH_PRIME, GENERATOR, secret_exponent, two_primes
from hanfleet.sandbox.telegram.server_key import ServerKey
from hanfleet.sandbox.telegram.tl import TLObject, constructor_of, functions, parse, parse_with_length, types

_INNER = (types.PQInnerData, types.PQInnerDataDc, types.PQInnerDataTemp, types.PQInnerDataTempDc)
_STARTS = (functions.ReqPqRequest, functions.ReqPqMultiRequest)
_ALLOWED = {
    kind.CONSTRUCTOR_ID for kind in (*_STARTS, functions.ReqDHParamsRequest, functions.SetClientDHParamsRequest)
}
_ALLOWED.add(types.MsgsAck.CONSTRUCTOR_ID)
_SAFE_DISTANCE = 1 << (2048 - 64)


def _sha1(data: bytes) -> bytes:
    return sha1(data).digest()  # noqa: S324 the protocol asks for it


class Handshake:
    """The server's side. ``on_key(auth_key, salt)`` is called once a key is agreed, before the client hears of it."""

    def __init__(self, server_key: ServerKey, now: Callable[[], float], on_key: Callable[[bytes, int], None]) -> None:
        self._server_key = server_key
        self._now = now
        self._on_key = on_key
        self._nonce = 0
        self._server_nonce = 0
        self._new_nonce = b""
        self._primes = (0, 0)
        self._a = 0

    def answer(self, body: bytes) -> TLObject | None:
        """The answer to one plain message; None for what needs none. Raises MalformedPacketError."""
        if constructor_of(body) not in _ALLOWED:
            raise MalformedPacketError("only the key exchange may be sent unencrypted")
        request = parse(body)
        if isinstance(request, _STARTS):
            return self._start(request)
        if isinstance(request, types.MsgsAck):
            return None
        if (request.nonce, request.server_nonce) != (self._nonce, self._server_nonce):
            raise MalformedPacketError("the nonces of the key exchange do not fit")
        if isinstance(request, functions.ReqDHParamsRequest):
            return self._offer(request)
        return self._finish(request)

    def _start(self, request: Any) -> TLObject:
        self._nonce = request.nonce
        self._server_nonce = int.from_bytes(secrets.token_bytes(16), "little", signed=True)
        self._new_nonce = b""
        self._a = 0
        self._primes = two_primes()
        product = self._primes[0] * self._primes[1]
        return types.ResPQ(
            nonce=self._nonce,
            server_nonce=self._server_nonce,
            pq=product.to_bytes(8, "big"),
            server_public_key_fingerprints=[self._server_key.fingerprint],
        )

    def _offer(self, request: Any) -> TLObject:
        if request.public_key_fingerprint != self._server_key.fingerprint:
            raise MalformedPacketError("the client encrypted to a key that is not this server's")
        inner, _ = parse_with_length(self._server_key.decrypt(request.encrypted_data))
        if not isinstance(inner, _INNER) or (inner.nonce, inner.server_nonce) != (self._nonce, self._server_nonce):
            raise MalformedPacketError("p_q_inner_data does not belong to this key exchange")
        factors = tuple(int.from_bytes(factor, "big") for factor in (inner.p, inner.q))
        if factors != self._primes:
            raise MalformedPacketError("p and q are not the factors of pq in rising order")
        self._new_nonce = inner.new_nonce.to_bytes(32, "little", signed=True)
        public = 0
        while not _SAFE_DISTANCE < public < DH_PRIME - _SAFE_DISTANCE:
            self._a = secret_exponent()
            public = pow(GENERATOR, self._a, DH_PRIME)
        plain = bytes(
            types.ServerDHInnerData(
                nonce=self._nonce,
                server_nonce=self._server_nonce,
                g=GENERATOR,
                dh_prime=DH_PRIME.to_bytes(256, "big"),
                g_a=public.to_bytes(256, "big"),
                server_time=int(self._now()),
            )
        )
        plain = _sha1(plain) + plain
        plain += secrets.token_bytes(-len(plain) % 16)
        return types.ServerDHParamsOk(
            nonce=self._nonce, server_nonce=self._server_nonce, encrypted_answer=encrypt_ige(plain, *self._temporary())
        )

    def _finish(self, request: Any) -> TLObject:
        if not self._a or len(request.encrypted_data) % 16:
            raise MalformedPacketError("set_client_DH_params came before req_DH_params, or in no whole blocks")
        plain = decrypt_ige(request.encrypted_data, *self._temporary())
        inner, length = parse_with_length(plain[20:])
        if not isinstance(inner, types.ClientDHInnerData) or _sha1(plain[20 : 20 + length]) != plain[:20]:
            raise MalformedPacketError("client_DH_inner_data cannot be verified")
        if (inner.nonce, inner.server_nonce) != (self._nonce, self._server_nonce):
            raise MalformedPacketError("client_DH_inner_data has other nonces")
        public = int.from_bytes(inner.g_b, "big")
        if not _SAFE_DISTANCE < public < DH_PRIME - _SAFE_DISTANCE:
            raise MalformedPacketError("g_b is outside the safe range")
        auth_key = pow(public, self._a, DH_PRIME).to_bytes(256, "big")
        self._a = 0
        salt = struct.unpack("<q", self._new_nonce[:8])[0] ^ struct.unpack("<q", self._server_nonce_bytes()[:8])[0]
        self._on_key(auth_key, salt)
        aux_hash = _sha1(auth_key)[:8]
        digest = _sha1(self._new_nonce + b"\x01" + aux_hash)[4:]
        return types.DhGenOk(
            nonce=self._nonce,
            server_nonce=self._server_nonce,
            new_nonce_hash1=int.from_bytes(digest, "little", signed=True),
        )

    def _server_nonce_bytes(self) -> bytes:
        return self._server_nonce.to_bytes(16, "little", signed=True)

    def _temporary(self) -> tuple[bytes, bytes]:
        """Key and vector for the middle of the exchange, from the two nonces."""
        new, server = self._new_nonce, self._server_nonce_bytes()
        first, second, third = _sha1(new + server), _sha1(server + new), _sha1(new + new)
        return first + second[:12], second[12:] + third + new[:4]
