"""`hanfleet bench store` in small: every query of its list answers, with policies and without, and they are on again."""

from hanfleet.cli.benchmarks.stocked import stocked
from hanfleet.cli.benchmarks.store import Clocked, asking_of
from hanfleet.cli.benchmarks.store_queries import OF_BOTS, OF_OPERATORS, OF_RELAY, PATH, SEARCHES

_SECURED = "SELECT count(*) FROM pg_class WHERE relrowsecurity"


async def test_every_query_is_timed_with_policies_and_without() -> None:
    said: list[str] = []
    async with stocked(1_000, 2, said.append) as stock, asking_of(stock) as asking:
        assert await asking.admin.fetchval("SELECT count(*) FROM messages") == 1_000
        assert await asking.admin.fetchval("SELECT count(DISTINCT chat_id) FROM messages") == 400
        secured = await asking.admin.fetchval(_SECURED)
        clocked = Clocked()
        for policies in (True, False):
            await asking.switch(on=policies)
            assert bool(await asking.admin.fetchval(_SECURED)) is policies
            await asking.round(clocked, policies=policies)
        await asking.switch(on=True)
        assert await asking.admin.fetchval(_SECURED) == secured
    for policies in (True, False):
        assert set(clocked.times[policies]) > {*OF_BOTS, *OF_OPERATORS, *OF_RELAY, *PATH, *SEARCHES}
    assert "store: 1,000 messages" in said
