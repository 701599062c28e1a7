"""`hanfleet db`: where the schema of a home's database stands, and moving it while no fleet runs.

Moving is its own command and no part of a start: somebody decides when, with a backup made before (ADR 26).
"""

import ast
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from hanfleet.app.home import Home
from hanfleet.app.home_database import administrator_url, has_database, passwords_of
from hanfleet.app.settings import Settings
from hanfleet.core.errors import NotFoundError
from hanfleet.store import migrate
from hanfleet.store.admin import bootstrap, database_url
from hanfleet.store.losses import Loss
from hanfleet.store.migrations import HEAD, REVISIONS

_TRAIL = "audit"
_NOTHING = "There is no schema in this home's database yet: nothing can go back."


@dataclass(frozen=True)
class SchemaStatus:
    """``revision`` None: there is no schema yet. ``pending``: (revision, what it brings), oldest first."""

    revision: str | None
    known: str
    pending: tuple[tuple[str, str], ...]

    @property
    def verdict(self) -> str:
        """none, current, older or newer."""
        if self.revision is None:
            return "none"
        if self.revision not in REVISIONS:
            return "newer"
        return "older" if self.pending else "current"


@dataclass(frozen=True)
class SteppedBack:
    """What is lost, and whether the audit trail is. ``heads``: the file of its exported heads, where it lies now."""

    lost: tuple[Loss, ...]
    trail: bool
    heads: Path | None


async def schema_status(settings: Settings) -> SchemaStatus:
    """Look, and change nothing: an embedded server that never ran is not made for this."""
    home = Home.existing(settings.home)
    async with AsyncExitStack() as exits:
        if not has_database(home, settings):
            return _status(None)
        url = await administrator_url(home, settings, exits)
        return _status(await migrate.standing(_address(url)))


async def upgrade_schema(settings: Settings) -> SchemaStatus:
    """Bring the schema to this release's; gives what it was before. Raises ConflictError while a fleet runs."""
    home = Home.existing(settings.home)
    async with AsyncExitStack() as exits:
        url = await administrator_url(home, settings, exits, alone=True)
        before = _status(await migrate.standing(_address(url)))
        await bootstrap(url, passwords_of(home), schema="upgrade")
        return before


async def downgrade_schema(settings: Settings, target: str, *, only_tell: bool) -> SteppedBack:
    """Take the schema back to ``target`` and tell what is lost; ``only_tell`` changes nothing.

    When the audit trail goes, the home's file of its heads is set aside: the next trail is another.

    Raises ConflictError while a fleet runs, InvalidInputError for a target that is no earlier revision.
    """
    home = Home.existing(settings.home)
    async with AsyncExitStack() as exits:
        if not has_database(home, settings):
            raise NotFoundError(_NOTHING)
        url = await administrator_url(home, settings, exits, alone=True)
        if await migrate.standing(_address(url)) is None:
            raise NotFoundError(_NOTHING)
        # As the owner: what a step back makes anew belongs to it.
        installation = await bootstrap(url, passwords_of(home), schema="leave")
        lost = await migrate.step_back(installation.urls.owner, target, only_tell=only_tell)
    trail = any(one.whole and one.table == _TRAIL for one in lost)
    heads = home.audit_heads if trail and home.audit_heads.exists() else None
    if heads is not None and not only_tell:
        heads = heads.rename(heads.with_name(f"heads-until-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl"))
    return SteppedBack(tuple(lost), trail, heads)


def _address(admin_url: str) -> str:
    return database_url(admin_url).render_as_string(hide_password=False)


def _status(revision: str | None) -> SchemaStatus:
    later = REVISIONS[REVISIONS.index(revision) + 1 :] if revision in REVISIONS else ()
    return SchemaStatus(revision, HEAD, tuple((one, _title(one)) for one in later))


def _title(revision: str) -> str:
    """The first line of the step's module, without running it."""
    folder = files("hanfleet.store.migrations").joinpath("versions")
    (module,) = (entry for entry in folder.iterdir() if entry.name.startswith(f"v{revision}_"))
    return (ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or "").partition("\n")[0]
