"""The smallest MTProto client that can misbehave on purpose: own handshake (RSA_PAD), own numbering, raw packets."""

import asyncio
import contextlib
import os
import struct
import time
from dataclasses import dataclass
from hashlib import sha1, sha256
from typing import Any

import cryptg
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from telethon.crypto.factorization import Factorization
from telethon.extensions.binaryreader import BinaryReader
from telethon.tl import functions, types
from telethon.tl.core.messagecontainer import MessageContainer
from telethon.tl.core.rpcresult import RpcResult

from hanfleet.sandbox.telegram.primes import secret_exponent


@dataclass
class Received:
    msg_id: int
    seqno: int
    value: Any


def _read(data: bytes) -> Any:
    make: Any = BinaryReader
    return make(data).tgread_object()


def _derive(key: bytes, msg_key: bytes, side: int) -> tuple[bytes, bytes]:
    a = sha256(msg_key + key[side : side + 36]).digest()
    b = sha256(key[side + 40 : side + 76] + msg_key).digest()
    return a[:8] + b[8:24] + a[24:32], b[:8] + a[8:24] + b[24:32]


def _nonce(size: int) -> int:
    return int.from_bytes(os.urandom(size), "little", signed=True)


class RawClient:
    """One connection at a time, intermediate transport. Key, salt and session outlive it."""

    def __init__(self, info: dict[str, Any]) -> None:
        self.info = info
        key = load_pem_public_key(info["public_key_pem"].encode())
        assert isinstance(key, RSAPublicKey)
        self._rsa = key.public_numbers()
        self.key = b""
        self.salt = 0
        self.session_id = _nonce(8)
        self._content = 0
        self._last_id = 0
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter | None = None

    async def connect(self) -> None:
        """Connect, in place of an older connection that is closed or was cut."""
        if self.writer is not None:
            await self.close()
        self.reader, self.writer = await asyncio.open_connection(self.info["address"], self.info["port"])
        self.writer.write(b"\xee\xee\xee\xee")

    async def close(self) -> None:
        assert self.writer is not None
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def wait_for_end(self) -> None:
        """Read until the server closes or cuts the connection."""
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionError):
                while await self.reader.read(65536):
                    pass

    def write_packet(self, packet: bytes) -> None:
        assert self.writer is not None
        self.writer.write(struct.pack("<I", len(packet)) + packet)

    async def read_packet(self) -> bytes:
        async with asyncio.timeout(5):
            (length,) = struct.unpack("<I", await self.reader.readexactly(4))
            return await self.reader.readexactly(length)

    async def _plain(self, request: Any) -> Any:
        body = bytes(request)
        self.write_packet(bytes(8) + struct.pack("<qi", self.next_id(), len(body)) + body)
        return _read((await self.read_packet())[20:])

    def _rsa_pad(self, data: bytes) -> bytes:
        padded = data + os.urandom(192 - len(data))
        while True:
            key = os.urandom(32)
            plain = padded[::-1] + sha256(key + padded).digest()
            encrypted = bytes(cryptg.encrypt_ige(plain, key, bytes(32)))
            hidden = bytes(a ^ b for a, b in zip(key, sha256(encrypted).digest(), strict=True))
            number = int.from_bytes(hidden + encrypted, "big")
            if number < self._rsa.n:
                return pow(number, self._rsa.e, self._rsa.n).to_bytes(256, "big")

    def _rsa_old(self, data: bytes) -> bytes:
        block = sha1(data).digest() + data
        number = int.from_bytes(block + os.urandom(255 - len(block)), "big")
        return pow(number, self._rsa.e, self._rsa.n).to_bytes(256, "big")

    async def make_key(self, *, padded: bool = True, inner: Any = types.PQInnerDataDc, **extra: Any) -> None:
        """The whole key exchange; ``inner`` is one of the four kinds of p_q_inner_data."""
        nonce, new_nonce = _nonce(16), _nonce(32)
        offer = await self._plain(functions.ReqPqMultiRequest(nonce))
        factorize: Any = Factorization.factorize
        p, q = sorted(factorize(int.from_bytes(offer.pq, "big")))
        p_bytes, q_bytes = p.to_bytes(4, "big"), q.to_bytes(4, "big")
        data = bytes(
            inner(
                pq=offer.pq,
                p=p_bytes,
                q=q_bytes,
                nonce=nonce,
                server_nonce=offer.server_nonce,
                new_nonce=new_nonce,
                **extra,
            )
        )
        encrypted = self._rsa_pad(data) if padded else self._rsa_old(data)
        (fingerprint,) = offer.server_public_key_fingerprints
        assert fingerprint == self.info["fingerprint"]
        params = await self._plain(
            functions.ReqDHParamsRequest(nonce, offer.server_nonce, p_bytes, q_bytes, fingerprint, encrypted)
        )
        new = new_nonce.to_bytes(32, "little", signed=True)
        server = offer.server_nonce.to_bytes(16, "little", signed=True)
        one, two, three = (sha1(part).digest() for part in (new + server, server + new, new + new))
        temporary = one + two[:12], two[12:] + three + new[:4]
        answer = bytes(cryptg.decrypt_ige(params.encrypted_answer, *temporary))
        group = _read(answer[20:])
        prime = int.from_bytes(group.dh_prime, "big")
        b = secret_exponent()
        plain = bytes(
            types.ClientDHInnerData(nonce, offer.server_nonce, 0, pow(group.g, b, prime).to_bytes(256, "big"))
        )
        plain = sha1(plain).digest() + plain
        plain += os.urandom(-len(plain) % 16)
        self.key = pow(int.from_bytes(group.g_a, "big"), b, prime).to_bytes(256, "big")
        done = await self._plain(
            functions.SetClientDHParamsRequest(nonce, offer.server_nonce, bytes(cryptg.encrypt_ige(plain, *temporary)))
        )
        expected = sha1(new + b"\x01" + sha1(self.key).digest()[:8]).digest()[4:]
        assert done.new_nonce_hash1.to_bytes(16, "little", signed=True) == expected
        self.salt = int.from_bytes(
            bytes(x ^ y for x, y in zip(new[:8], server[:8], strict=True)), "little", signed=True
        )

    def next_id(self) -> int:
        self._last_id = max(int(time.time() * 2**32) & ~3, self._last_id + 4)
        return self._last_id

    def next_seqno(self, *, content: bool = True) -> int:
        seqno = self._content * 2 + (1 if content else 0)
        self._content += 1 if content else 0
        return seqno

    def packet(self, body: bytes, msg_id: int, seqno: int, *, salt: int | None = None) -> bytes:
        plain = (
            struct.pack("<qqqii", self.salt if salt is None else salt, self.session_id, msg_id, seqno, len(body)) + body
        )
        plain += os.urandom(12 + -(len(plain) + 12) % 16)
        msg_key = sha256(self.key[88:120] + plain).digest()[8:24]
        return sha1(self.key).digest()[-8:] + msg_key + bytes(cryptg.encrypt_ige(plain, *_derive(self.key, msg_key, 0)))

    def send(self, request: Any, *, content: bool = True) -> tuple[int, bytes]:
        """Send a request with proper numbers; gives its id and the packet, to be replayed."""
        body = request if isinstance(request, bytes) else bytes(request)
        msg_id = self.next_id()
        packet = self.packet(body, msg_id, self.next_seqno(content=content))
        self.write_packet(packet)
        return msg_id, packet

    async def receive(self) -> list[Received]:
        """The messages of the next packet, containers opened, checked like a strict client would."""
        packet = await self.read_packet()
        assert packet[:8] == sha1(self.key).digest()[-8:], packet.hex()
        plain = bytes(cryptg.decrypt_ige(packet[24:], *_derive(self.key, packet[8:24], 8)))
        assert sha256(self.key[96:128] + plain).digest()[8:24] == packet[8:24]
        _salt, session_id, msg_id, seqno, length = struct.unpack_from("<qqqii", plain)
        assert session_id == self.session_id
        value = _read(plain[32 : 32 + length])
        if isinstance(value, MessageContainer):
            assert seqno % 2 == 0
            assert all(inner.msg_id < msg_id for inner in value.messages)
            return [Received(inner.msg_id, inner.seq_no, inner.obj) for inner in value.messages]
        return [Received(msg_id, seqno, value)]

    async def wait_for(self, kind: type) -> Any:
        """The next message of this kind; the others are dropped."""
        while True:
            for received in await self.receive():
                if isinstance(received.value, kind):
                    return received.value

    async def call(self, request: Any) -> Any:
        """Send a request and give its answer, or the RpcError."""
        msg_id, _ = self.send(request)
        while True:
            result = await self.wait_for(RpcResult)
            if result.req_msg_id == msg_id:
                return result.error or _read(result.body)
