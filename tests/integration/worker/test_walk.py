"""Walk 1: a message in, the disclosure and the reply out, exactly once."""

from hanfleet.persona.texts import DISCLOSURE
from tests.support.workers import Rehearsal, times


async def test_a_message_is_answered_once_after_the_disclosure(rehearsal: Rehearsal):
    ann = await rehearsal.contact()
    async with rehearsal.worker() as worker:
        await worker.is_running()
        await ann.says("Hello there #deadbeef")
        heard = await ann.hears_about("#deadbeef")
        await ann.says("And more #cafebabe")
        heard = await ann.hears_about("#cafebabe")
        await worker.stop()
    assert heard[0] == DISCLOSURE["en"]
    assert times(heard, "#deadbeef") == times(heard, "#cafebabe") == 1
    assert times(heard, DISCLOSURE["en"]) == 1
    states = await rehearsal.rows("SELECT kind, state FROM outbox ORDER BY position")
    assert [row["state"] for row in states] == ["sent"] * 3
    assert [row["kind"] for row in states] == ["disclosure", "reply", "reply"]
