"""Whether the audit trail is whole: each chain walked from its beginning, compared with its head and exported heads.

Names the first broken entry of each chain. What it cannot see stands in docs/security.md.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from hanfleet.core.audit import ChainHead, ExportedHead
from hanfleet.store.evidence import Link
from hanfleet.store.principals import SystemPrincipal
from hanfleet.store.session import Store

AUDITOR = SystemPrincipal("audit")
_FLEET = "fleet"
_TOLD_EVERY = 1000


class Fault(StrEnum):
    """What is wrong with an entry."""

    CHANGED = "changed"  # its content is not what its hash was made of
    REHASHED = "rehashed"  # changed together with its hash: the next one refers to another
    MISSING = "missing"
    DOUBLED = "doubled"
    CUT = "cut"  # missing at the end: the chain's head or an exported one names it
    UNHEADED = "unheaded"  # behind the chain's head, or not what the head says
    REWRITTEN = "rewritten"  # not what was exported, so this one or one before it was replaced
    DROPPED = "dropped"  # gone before the checkpoint, and no entry of the retention says so


@dataclass(frozen=True)
class Break:
    """The first broken entry of a chain."""

    chain: str
    seq: int
    fault: Fault


@dataclass(frozen=True)
class Verification:
    """What came of it. ``unexported``: entries that are newer than every exported head of their chain."""

    entries: int
    chains: int
    unexported: int
    breaks: tuple[Break, ...]

    @property
    def sound(self) -> bool:
        return not self.breaks


async def verify(
    store: Store, exported: Iterable[ExportedHead], progress: Callable[[int], None] = lambda _: None
) -> Verification:
    """Walk all chains. ``store`` is the owner role's; ``exported`` heads may repeat and come in any order.

    Raises PermanentError when something stands in the trail's place, or between it and whoever reads it.
    """
    async with store.transaction(AUDITOR) as tx:
        await tx.evidence.hold()
        checkpoints = {head.chain: head for head in await tx.evidence.checkpoints()}
        heads = {head.chain: head for head in await tx.audit.heads()}
        by_chain: dict[str, list[ChainHead]] = defaultdict(list)
        for known in exported:
            by_chain[known.head.chain].append(known.head)
        walks = {
            chain: _Walk(chain, checkpoints.get(chain), heads.get(chain), by_chain[chain])
            for chain in {*heads, *checkpoints, *by_chain}
        }
        told: dict[str, list[object]] = {}
        count = 0
        async for link in tx.evidence.links():
            if link.chain not in walks:
                walks[link.chain] = _Walk(link.chain, None, None, [])
            walks[link.chain].step(link)
            told = link.checkpoints if link.checkpoints is not None else told
            count += 1
            if count % _TOLD_EVERY == 0:
                progress(count)
        reached = {head.chain: head.seq for head in await tx.audit.heads()}
    breaks = [found for chain, walk in walks.items() if (found := walk.finish(reached.get(chain, 0)))]
    breaks += _undocumented(checkpoints, told)
    return Verification(
        entries=count,
        chains=len(walks),
        unexported=sum(walk.unexported for walk in walks.values()),
        breaks=tuple(sorted(breaks, key=lambda one: (one.chain, one.seq))),
    )


def _undocumented(checkpoints: dict[str, ChainHead], told: dict[str, list[object]]) -> list[Break]:
    """Checkpoints that the newest entry of the retention does not name so."""
    return [
        Break(chain, head.seq, Fault.DROPPED)
        for chain, head in checkpoints.items()
        if told.get(chain) != [head.seq, head.hash.hex()]
    ]


class _Walk:
    """One chain, entry by entry; remembers the first break.

    Entries behind ``head`` may have been written since it was read: they are left to the next verification.
    """

    def __init__(
        self, chain: str, checkpoint: ChainHead | None, head: ChainHead | None, exported: list[ChainHead]
    ) -> None:
        self._chain = chain
        self._head = head or ChainHead(chain, 0, b"")
        self._start = self._seq = checkpoint.seq if checkpoint else 0
        self._hash = checkpoint.hash if checkpoint else b""
        self._exported: dict[int, set[bytes]] = defaultdict(set)
        for known in exported:
            self._exported[known.seq].add(known.hash)
        self._newest_exported = max(self._exported, default=0)
        self._found = self._against_exported(self._seq, self._hash)
        self._behind: list[int] = []

    def step(self, link: Link) -> None:
        if link.seq > self._head.seq:
            self._behind.append(link.seq)
            return
        self._found = self._found or self._judged(link)
        self._seq, self._hash = link.seq, link.hash

    def finish(self, reached: int) -> Break | None:
        """The first break, also of the end; ``reached``: where the chain's head is now."""
        if self._found is not None:
            return self._found
        if self._behind and max(self._behind) > reached:
            return Break(self._chain, min(self._behind), Fault.UNHEADED)
        if max(self._head.seq, self._newest_exported) > self._seq:
            return Break(self._chain, self._seq + 1, Fault.CUT)
        if self._head.hash != self._hash:
            return Break(self._chain, self._seq, Fault.UNHEADED)
        return None

    @property
    def unexported(self) -> int:
        """How many entries no exported head vouches for."""
        return max(0, self._seq - max(self._newest_exported, self._start))

    def _judged(self, link: Link) -> Break | None:
        if link.seq <= self._seq:
            return Break(self._chain, link.seq, Fault.DOUBLED)
        if link.seq > self._seq + 1:
            return Break(self._chain, self._seq + 1, Fault.MISSING)
        if link.hash != link.expected:
            return Break(self._chain, link.seq, Fault.CHANGED)
        if link.prev_hash != self._hash and self._seq > self._start:
            # Its own hash was made of what it refers to, and fits: the entry before is another.
            return Break(self._chain, self._seq, Fault.REHASHED)
        if link.prev_hash != self._hash:
            return Break(self._chain, link.seq, Fault.CHANGED)
        return self._against_exported(link.seq, link.hash)

    def _against_exported(self, seq: int, found: bytes) -> Break | None:
        if self._exported.get(seq, {found}) != {found}:
            return Break(self._chain, seq, Fault.REWRITTEN)
        return None
