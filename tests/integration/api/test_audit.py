"""GET /api/audit: filters, pages, refusals, and the request that stands behind each entry."""

import uuid

import httpx
import pytest

from tests.support.operators import bot_document


async def test_the_newest_first_with_the_request_that_did_it(api: httpx.AsyncClient, bot_id: str) -> None:
    request = str(uuid.uuid4())
    await api.post("/api/bots", json=bot_document(bot_id), headers={"X-Request-ID": request})
    await api.post(f"/api/bots/{bot_id}/stop")
    answer = await api.get("/api/audit", params={"bot": bot_id})
    entries = answer.json()["items"]
    assert [entry["seq"] for entry in entries] == sorted((entry["seq"] for entry in entries), reverse=True)
    assert entries[0]["new_values"] == {"desired_state": "stopped"}
    first = entries[-1]
    assert (first["action"], first["noun"], first["subject"]) == ("insert", "bot", bot_id)
    assert (first["principal"], first["request_id"]) == ("operator:owner", request)
    assert entries[0]["request_id"] != request
    assert {entry["noun"] for entry in entries} == {"bot", "key", "secret"}
    assert "very-secret" not in answer.text
    assert "15550100" not in answer.text


async def test_pages_hold_each_entry_once(api: httpx.AsyncClient, bot_id: str) -> None:
    await api.post("/api/bots", json=bot_document(bot_id))
    everything = (await api.get("/api/audit", params={"bot": bot_id})).json()["items"]
    found, cursor = [], None
    while True:
        page = (
            await api.get("/api/audit", params={"bot": bot_id, "limit": 2, **({"cursor": cursor} if cursor else {})})
        ).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == everything
    assert len(found) > 2


async def test_filters(api: httpx.AsyncClient, bot_id: str) -> None:
    await api.post("/api/bots", json=bot_document(bot_id))
    await api.post(f"/api/bots/{bot_id}/stop")
    first = (await api.get("/api/audit", params={"bot": bot_id})).json()["items"][0]

    async def count(**filters: str) -> int:
        return len((await api.get("/api/audit", params={"bot": bot_id, **filters})).json()["items"])

    assert await count(action="update") == 1
    assert await count(principal="operator:nobody") == 0
    assert await count(since=first["timestamp"]) == 1
    assert await count(until=first["timestamp"]) == await count() - 1
    assert await count(principal="operator:owner") == await count()


@pytest.mark.parametrize(
    "query",
    [
        {"bot": "../x"}, {"action": "drop"}, {"since": "2026-05-04T12:00:00"}, {"principal": "x"}, {"cursor": "1"},
        {"cursor": "2026-05-04T12:00:00/fleet/1"}, {"cursor": "2026-05-04T12:00:00+00:00/fl\x00eet/1"},
        {"cursor": f"2026-05-04T12:00:00+00:00/fleet/{2**63}"}, {"limit": "0"},
    ],
)  # fmt: skip
async def test_what_is_refused(api: httpx.AsyncClient, query: dict[str, str]) -> None:
    assert (await api.get("/api/audit", params=query)).status_code == 422


async def test_a_time_that_cannot_be_is_refused_with_a_sentence(api: httpx.AsyncClient) -> None:
    sentence = "Write a time with its zone, from the year 1 to 9999, such as 2026-11-01T00:00:00Z."
    before_all, after_all = "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"
    for time in (before_all, after_all, "0000-01-01T00:00:00Z", "2026-05-04", "0.5", "1e9", "x"):
        for field in ("since", "until"):
            answer = await api.get("/api/audit", params={field: time})
            assert (answer.status_code, answer.json()["detail"]) == (422, f"{field}: {sentence}")
        answer = await api.get("/api/audit", params={"cursor": f"{time}/fleet/1"})
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:hanfleet:problem:invalid-input")
    for time in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59+00:00"):
        assert (await api.get("/api/audit", params={"since": time, "until": time})).json()["items"] == []
