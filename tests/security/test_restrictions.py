"""Each restriction stops the attack that it names: the attack fails, and succeeds once the restriction is lifted."""

import pytest

from tests.security.powers import POWERS
from tests.security.restrictions import SERVICES, Restriction, restrictions_of_columns, restrictions_of_tables
from tests.security.scene import Scene, filled, succeeds
from tests.security.tables import TABLES

# What is attacked is the database: none of our code is on the way.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("red team"), pytest.mark.no_cover]


@pytest.mark.parametrize("restriction", [*restrictions_of_tables(), *POWERS], ids=lambda one: one.name)
async def test_it_stops_the_attack_that_it_names(scene: Scene, restriction: Restriction) -> None:
    await _prove(scene, restriction)


@pytest.mark.parametrize("table", TABLES)
async def test_a_bot_rewrites_no_column_that_is_not_its_to_write(scene: Scene, table: str) -> None:
    """One attack for each column: which there are is the database's to say."""
    for restriction in restrictions_of_columns(table, await _columns(scene, table)):
        await _prove(scene, restriction)


@pytest.mark.parametrize(
    ("role", "table"), [(role, name) for role in SERVICES for name, table in TABLES.items() if table.columns(role)]
)
async def test_a_service_rewrites_no_column_that_is_not_its_to_write(scene: Scene, role: str, table: str) -> None:
    """Where it may write some. That it may write none is proved with the tables."""
    for restriction in restrictions_of_columns(table, await _columns(scene, table), role):
        await _prove(scene, restriction)


async def _columns(scene: Scene, table: str) -> list[str]:
    rows = await scene.admin.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped"
        " AND attgenerated = ''",
        table,
    )
    assert rows
    return [row["attname"] for row in rows]


async def _prove(scene: Scene, restriction: Restriction) -> None:
    words = {**scene.words(), **(await scene.words_of(restriction.table) if restriction.table else {})}
    attack, refused, role = filled(restriction.attack, words), restriction.refused, scene.role(restriction.role)
    if restriction.role == "bots" and not restriction.given:
        assert not await succeeds(scene.raw, attack, refused=refused), f"not stopped: {restriction.stops}"
    async with scene.undone():
        await scene.admin.execute(filled(restriction.given, words) or "SELECT 1")
        assert not await succeeds(scene.admin, attack, role=role, refused=refused), f"not stopped: {restriction.stops}"
        await scene.admin.execute(filled(restriction.lift, words))
        assert await succeeds(scene.admin, attack, role=role, refused=refused), (
            f"{restriction.name}: lifting it does not help, something else stops this attack"
        )
