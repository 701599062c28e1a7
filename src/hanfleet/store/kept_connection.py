"""A connection that is opened once and kept: a server that takes no more log-ins obeys it still."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hanfleet.store.addresses import connect
from hanfleet.store.faults import translated

_TIMEOUT_S = 10.0


class KeptConnection:
    """For one at a time. When it was lost, the next one opens it again."""

    def __init__(self, url: str, application_name: str) -> None:
        self._url = url
        self._application_name = application_name
        self._lock = asyncio.Lock()
        self._raw: Any = None

    async def keep(self) -> None:
        """Open it if it is not; who is using it has done so. Raises StoreUnavailableError."""
        if not self._lock.locked():
            async with self.use():
                pass

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Any]:
        """The driver's connection; inside, vendor errors become core errors."""
        async with self._lock:
            with translated(None):
                if self._raw is None or self._raw.is_closed():
                    self._raw = await connect(self._url, self._application_name, timeout_s=_TIMEOUT_S)
                yield self._raw

    async def close(self) -> None:
        raw, self._raw = self._raw, None
        if raw is not None:
            await raw.close(timeout=_TIMEOUT_S)
