"""The only place where Telethon's untyped readers and writers are called; everything else sees bytes and objects.

Telethon's generated layer has ``from_reader`` for requests too, so a server can parse what clients send.
"""

import struct
import zlib
from typing import Any, Final

from telethon.errors.common import TypeNotFoundError
from telethon.extensions.binaryreader import BinaryReader
from telethon.tl import functions, types
from telethon.tl.tlobject import TLObject, TLRequest

from hanfleet.sandbox.telegram.errors import MalformedPacketError, UnknownConstructorError

__all__ = ["TLObject", "TLRequest", "functions", "types"]

GZIP_PACKED: Final = 0x3072CFA1
MSG_CONTAINER: Final = 0x73F1F8DC
RPC_RESULT: Final = 0xF35C6D01
_VECTOR: Final = struct.pack("<I", 0x1CB5C415)
_TRUE: Final = struct.pack("<I", 0x997275B5)
_FALSE: Final = struct.pack("<I", 0xBC799737)
_MOST_UNPACKED: Final = 16 * 1024 * 1024


def parse(data: bytes) -> Any:
    """One boxed object from the start of ``data``.

    Raises UnknownConstructorError for a constructor outside the layer, MalformedPacketError for anything else.
    """
    return parse_with_length(data)[0]


def parse_with_length(data: bytes) -> tuple[Any, int]:
    """The object and the number of bytes that it took."""
    reader: Any = BinaryReader(data)  # type: ignore[no-untyped-call]
    try:
        value = reader.tgread_object()
        return value, int(reader.tell_position())
    except TypeNotFoundError as error:
        raise UnknownConstructorError(int(error.invalid_constructor_id)) from error
    except Exception as error:
        # The generated readers trust their input: hostile bytes break them with a dozen kinds of errors.
        raise MalformedPacketError(f"cannot be read as TL: {error}") from error


def constructor_of(data: bytes) -> int:
    """The first four bytes as a TL constructor id."""
    if len(data) < 4:
        raise MalformedPacketError("a TL object needs four bytes at least")
    return int.from_bytes(data[:4], "little")


def unzip(data: bytes) -> bytes:
    """The object inside ``gzip_packed``."""
    reader: Any = BinaryReader(data[4:])  # type: ignore[no-untyped-call]
    try:
        inflater = zlib.decompressobj(wbits=31)
        unpacked = inflater.decompress(reader.tgread_bytes(), _MOST_UNPACKED)
    except Exception as error:
        # zlib's errors and those of the reader mean the same here.
        raise MalformedPacketError(f"gzip_packed cannot be unpacked: {error}") from error
    if not inflater.eof:
        raise MalformedPacketError("gzip_packed is cut short, or unpacks to more than 16 MiB")
    return unpacked


def encode(value: object) -> bytes:
    """TL bytes of an object, a Bool or a Vector of objects or longs, as results of methods are sent."""
    if isinstance(value, TLObject):
        return bytes(value)
    if isinstance(value, bytes):
        return value
    if value is True:
        return _TRUE
    if value is False:
        return _FALSE
    if isinstance(value, list):
        items = (struct.pack("<q", item) if isinstance(item, int) else encode(item) for item in value)
        return _VECTOR + struct.pack("<i", len(value)) + b"".join(items)
    raise TypeError(f"cannot be sent as TL: {type(value).__name__}")


def decode_vector(data: bytes | None) -> list[Any] | None:
    """A Vector of boxed objects as it was stored, or None."""
    return None if data is None else list(parse(data))


def method_name(request: TLObject) -> str:
    """The name that Telegram's documentation uses, such as ``messages.sendMessage`` or ``ping``."""
    kind = type(request)
    name = kind.__name__.removesuffix("Request")
    name = name[:1].lower() + name[1:]
    module = kind.__module__.removeprefix("telethon.tl.functions").lstrip(".")
    return f"{module}.{name}" if module else name


def known_methods() -> frozenset[str]:
    """Names of all methods of the layer, for checking what a person typed."""
    return frozenset(method_name(request) for request in _every_request())


def _every_request() -> list[Any]:
    from telethon.tl.alltlobjects import tlobjects

    return [object.__new__(kind) for kind in tlobjects.values() if issubclass(kind, TLRequest)]
