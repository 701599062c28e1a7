"""The REST API of bots on a real database and bus."""

import json
from pathlib import Path
from typing import Any

import httpx

from hanfleet.core.commands import SubmitLoginCode
from hanfleet.core.states import BotState, WorkerPhase
from tests.support.database import SYSTEM, Database
from tests.support.operators import API_HASH, FleetHand, bot_document

C, S, R, STOPPING, STOPPED, FAILED = BotState


def assert_problem(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == f"urn:hanfleet:problem:{kind}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"].endswith((".", "?"))
    assert problem["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
    return problem


async def test_the_life_of_a_bot(api: httpx.AsyncClient, hand: FleetHand, bot_id: str) -> None:
    answer = await api.post("/api/bots", json=bot_document(bot_id))
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/bots/{bot_id}"
    bot = answer.json()
    assert (bot["bot_id"], bot["status"], bot["desired_state"]) == (bot_id, "configuring", "running")
    assert (await api.get(f"/api/bots/{bot_id}")).json() == bot

    await hand.set_status(bot_id, C, S, R)
    await hand.beat(bot_id, WorkerPhase.RUNNING)
    status = (await api.get(f"/api/bots/{bot_id}/status")).json()
    assert (status["status"], status["phase"], status["uss_mb"]) == ("running", "running", 21.5)

    for wish in ("restart", "stop"):
        answer = await api.post(f"/api/bots/{bot_id}/{wish}")
        assert (answer.status_code, answer.json()) == (202, {"bot_id": bot_id, "accepted": True})
    await hand.set_status(bot_id, R, STOPPING, STOPPED)
    assert (await api.post(f"/api/bots/{bot_id}/start")).status_code == 202
    assert_problem(await api.post(f"/api/bots/{bot_id}/start"), 409, "conflict")

    answer = await api.put(f"/api/bots/{bot_id}", json={**bot["config"], "name": "Myra"}, params={"version": 1})
    assert answer.json() == {"bot_id": bot_id, "config_version": 2, "applied": False}
    assert_problem(await api.put(f"/api/bots/{bot_id}", json=bot["config"], params={"version": 1}), 409, "conflict")

    assert (await api.delete(f"/api/bots/{bot_id}")).json() == {"bot_id": bot_id, "accepted": True}
    assert (await api.get("/api/bots")).json() == {"items": [], "next_cursor": None}
    removed = (await api.get("/api/bots", params={"removed": True})).json()["items"]
    assert [item["bot_id"] for item in removed] == [bot_id]
    assert (await api.delete(f"/api/bots/{bot_id}", params={"erase": True})).json()["accepted"]


async def test_a_bot_may_be_added_stopped(api: httpx.AsyncClient, bot_id: str) -> None:
    answer = await api.post("/api/bots", json=bot_document(bot_id), params={"start": "false"})
    assert answer.json()["desired_state"] == "stopped"


async def test_no_answer_holds_a_secret(api: httpx.AsyncClient, bot_id: str) -> None:
    secrets = (API_HASH, "sk-very-secret", "123456:bot-token")
    answers = [await api.post("/api/bots", json=bot_document(bot_id))]
    answers.append(await api.post("/api/bots", json=bot_document(bot_id)))
    bad = bot_document(f"{bot_id}-2", telegram_bot_token="123456:bot-token", telegram_api_id="none")
    answers.append(await api.post("/api/bots", json=bad))
    answers.append(await api.post("/api/bots", json={**bad, "telegram_api_id": 1}))
    answers += [await api.get(f"/api/bots{path}") for path in ("", f"/{bot_id}", f"/{bot_id}/status")]
    answers.append(await api.put(f"/api/bots/{bot_id}", json={**bad, "bot_id": bot_id}))
    answers.append(await api.get("/metrics"))
    for answer in answers:
        assert not any(secret in answer.text for secret in secrets), answer.text


BAD: list[tuple[dict[str, Any], str]] = [
    ({"bot_id": "Mira!"}, "bot_id"),
    ({"bot_id": "-mira"}, "bot_id"),
    ({"bot_id": "m" * 51}, "bot_id"),
    ({"bot_id": None}, "bot_id"),
    ({"name": ""}, "name"),
    ({"name": "x" * 101}, "name"),
    ({"telegram_api_id": 0}, "telegram_api_id"),
    ({"telegram_api_id": 2**31}, "telegram_api_id"),
    ({"telegram_api_id": "twelve"}, "telegram_api_id"),
    ({"telegram_api_hash": "short"}, "telegram_api_hash"),
    ({"telegram_api_hash": 5}, "telegram_api_hash"),
    ({"telegram_phone": "none"}, "telegram_phone"),
    ({"telegram_bot_token": "1"}, "telegram_bot_token"),
    ({"telegram_phone": None}, ""),
    ({"telegram_bot_token": "123456:abcdef"}, ""),
    ({"openai_api_key": ""}, "openai_api_key"),
    ({"admin_chat_id": "me"}, "admin_chat_id"),
    ({"persona": {"prompt": ""}}, "persona.prompt"),
    ({"persona": {"language": "fr"}}, "persona.language"),
    ({"persona": {"colour": "red"}}, "persona.colour"),
    ({"llm": {"base_url": "not a url"}}, "llm.base_url"),
    ({"llm": {"temperature": 3}}, "llm.temperature"),
    ({"llm": {"max_tokens": 1}}, "llm.max_tokens"),
    ({"pacing": {"wait_for_more_s": -1}}, "pacing.wait_for_more_s"),
    ({"features": {"typing": "sometimes"}}, "features.typing"),
    ({"data_isolation": {"retention_days": 0}}, "data_isolation.retention_days"),
    ({"unknown": 1}, "unknown"),
    ({"name": "Z\0"}, "name"),
    ({"persona": {"prompt": "You are Mira.\0"}}, "persona.prompt"),
    ({"persona": {"opt_out_words": ["stop", "en\0ough"]}}, "persona.opt_out_words"),
    ({"telegram_api_hash": "0123456789\0"}, "telegram_api_hash"),
    ({"name": "half \ud800"}, "name"),
    ({"admin_chat_id": 2**63}, "admin_chat_id"),
]
# What pydantic says to programmers.
PYDANTIC = ("should", "pattern", "permitted", "validation", "required")


async def test_a_wrong_field_is_named_and_nothing_is_added(api: httpx.AsyncClient, bot_id: str) -> None:
    for change, field in BAD:
        body = json.dumps({**bot_document(bot_id), **change})  # in ASCII, as half a surrogate pair has no UTF-8
        answer = await api.post("/api/bots", content=body, headers={"Content-Type": "application/json"})
        problem = assert_problem(answer, 422, "invalid-input")
        assert [error["field"] for error in problem["errors"]] == [field], change
        assert field in problem["detail"]
        assert not any(word in problem["detail"] for word in PYDANTIC), problem["detail"]
    for missing in ("bot_id", "name", "telegram_api_id", "telegram_api_hash"):
        document = bot_document(bot_id)
        del document[missing]
        problem = assert_problem(await api.post("/api/bots", json=document), 422, "invalid-input")
        assert problem["errors"] == [{"field": missing, "message": problem["errors"][0]["message"]}]
        assert problem["errors"][0]["message"].startswith("It is missing: set it.")
    assert (await api.get("/api/bots", params={"removed": True})).json()["items"] == []


async def test_a_wrong_change_is_named_and_nothing_is_changed(api: httpx.AsyncClient, bot_id: str) -> None:
    before = (await api.post("/api/bots", json=bot_document(bot_id))).json()
    for change, field in BAD:
        if field in ("bot_id", "telegram_bot_token") or change == {"telegram_bot_token": "123456:abcdef"}:
            continue
        body = {**before["config"], **change}
        answer = await api.put(
            f"/api/bots/{bot_id}", content=json.dumps(body), headers={"Content-Type": "application/json"}
        )
        problem = assert_problem(answer, 422, "invalid-input")
        assert [error["field"] for error in problem["errors"]] == [field], change
    assert (await api.get(f"/api/bots/{bot_id}")).json() == before


async def test_a_persona_that_deceives_is_refused(api: httpx.AsyncClient, bot_id: str) -> None:
    body = bot_document(bot_id, persona={"prompt": "You are a real human."})
    assert "persona.prompt" in assert_problem(await api.post("/api/bots", json=body), 422, "invalid-input")["detail"]


async def test_a_body_that_is_no_object_is_refused(api: httpx.AsyncClient) -> None:
    for body in (b"", b"{", b"[]", b'"text"', b"null"):
        answer = await api.post("/api/bots", content=body, headers={"content-type": "application/json"})
        assert_problem(answer, 422, "invalid-input")
    answer = await api.post("/api/bots", content=b'{"name": "\xff"}', headers={"content-type": "application/json"})
    assert_problem(answer, 400, "bad-request")


async def test_an_unknown_bot_is_404_everywhere(api: httpx.AsyncClient) -> None:
    update = {"name": "M", "telegram_api_id": 1, "telegram_phone": "+15550100"}
    for method, path, body in (
        ("GET", "", None),
        ("PUT", "", update),
        ("DELETE", "", None),
        ("GET", "/status", None),
        ("POST", "/start", None),
        ("POST", "/stop", None),
        ("POST", "/restart", None),
        ("GET", "/logs", None),
        ("GET", "/outbox", None),
        ("POST", "/login", None),
        ("POST", "/login/code", {"code": "1"}),
        ("POST", "/login/password", {"password": "x"}),
    ):
        answer = await api.request(method, f"/api/bots/nobody{path}", json=body)
        assert "hanfleet bots list" in assert_problem(answer, 404, "not-found")["detail"]


async def test_the_list_comes_by_pages(api: httpx.AsyncClient, bot_id: str) -> None:
    ids = [f"{bot_id}-{number}" for number in range(5)]
    for one in reversed(ids):
        await api.post("/api/bots", json=bot_document(one))
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        page = (await api.get("/api/bots", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [item["bot_id"] for item in page["items"]]
        cursor, pages = page["next_cursor"], pages + 1
    assert (seen, pages) == (ids, 3)
    for limit in ("0", "501", "many"):
        problem = assert_problem(await api.get("/api/bots", params={"limit": limit}), 422, "invalid-input")
        assert problem["errors"][0]["field"] == "limit"


async def test_a_log_in_by_rest(api: httpx.AsyncClient, hand: FleetHand, bot_id: str) -> None:
    await api.post("/api/bots", json=bot_document(bot_id))
    path = f"/api/bots/{bot_id}/login"
    assert "start it first" in assert_problem(await api.post(path), 409, "conflict")["detail"]
    await hand.set_status(bot_id, C, S)

    def answer(command):
        if isinstance(command, SubmitLoginCode):
            return {"password_needed": True} if command.code.get_secret_value() == "12345" else "The code is wrong."
        return {}

    async with hand.worker(bot_id, answer):
        assert (await api.post(path)).json() == {"password_needed": False, "logged_in": False}
        refused = assert_problem(await api.post(f"{path}/code", json={"code": "999"}), 422, "invalid-input")
        assert refused["detail"] == "The code is wrong."
        right = await api.post(f"{path}/code", json={"code": "12345"})
        assert right.json() == {"password_needed": True, "logged_in": False}
        done = await api.post(f"{path}/password", json={"password": "hunter22"})
        assert done.json() == {"password_needed": False, "logged_in": True}
    assert_problem(await api.post(f"{path}/code", json={"code": ""}), 422, "invalid-input")
    assert_problem(await api.post(f"{path}/code", json={"code": "1", "more": 1}), 422, "invalid-input")


async def test_logs_and_what_came_after(api: httpx.AsyncClient, bot_logs: Path, bot_id: str) -> None:
    await api.post("/api/bots", json=bot_document(bot_id))
    assert (await api.get(f"/api/bots/{bot_id}/logs")).json() == {"lines": [], "position": 0}
    log = bot_logs / f"{bot_id}.log"
    log.write_text("one\ntwo\nthree\n")
    page = (await api.get(f"/api/bots/{bot_id}/logs", params={"lines": 2})).json()
    assert page == {"lines": ["two", "three"], "position": 14}
    with log.open("a") as file:
        file.write("four\n")
    page = (await api.get(f"/api/bots/{bot_id}/logs", params={"after": page["position"]})).json()
    assert page == {"lines": ["four"], "position": 19}
    assert_problem(await api.get(f"/api/bots/{bot_id}/logs", params={"lines": 5001}), 422, "invalid-input")


async def test_no_path_leads_out_of_the_log_folder(api: httpx.AsyncClient, bot_logs: Path) -> None:
    (bot_logs.parent / "secret.log").write_text("private\n")
    for path in ("/api/bots/..%2Fsecret/logs", "/api/bots/%2e%2e%2fsecret/logs", "/api/bots/../secret/logs"):
        answer = await api.get(path)
        assert answer.status_code == 404
        assert "private" not in answer.text


async def test_the_outbox_by_pages(api: httpx.AsyncClient, database: Database, bot_id: str) -> None:
    await api.post("/api/bots", json=bot_document(bot_id))
    connection = await database.connect()
    await connection.execute(
        "INSERT INTO user_profiles (bot_id, id, chat_id, created_at) VALUES ($1, gen_random_uuid(), 7, now())", bot_id
    )
    await connection.execute(
        "INSERT INTO conversations (bot_id, id, chat_id, timestamp) VALUES ($1, gen_random_uuid(), 7, now())", bot_id
    )
    for number in range(3):
        await connection.execute(
            """INSERT INTO outbox (bot_id, id, chat_id, part, position, kind, text, random_id, state,
                                   merge_wait_ms, read_wait_ms, typing_ms, attempts, created_at)
               VALUES ($1, gen_random_uuid(), 7, 0, $2, 'notice', $3, $2, 'pending', 10, 20, 30, 0, now())""",
            bot_id,
            number + 1,
            f"text {number}",
        )
    first = (await api.get(f"/api/bots/{bot_id}/outbox", params={"limit": 2})).json()
    rest = (await api.get(f"/api/bots/{bot_id}/outbox", params={"cursor": first["next_cursor"]})).json()
    assert [item["text"] for item in first["items"] + rest["items"]] == ["text 0", "text 1", "text 2"]
    assert rest["next_cursor"] is None
    assert first["items"][0]["typing_ms"] == 30
    assert_problem(await api.get(f"/api/bots/{bot_id}/outbox", params={"cursor": "x"}), 422, "invalid-input")


async def test_metrics_tell_of_each_bot(api: httpx.AsyncClient, hand: FleetHand, bot_id: str) -> None:
    await api.post("/api/bots", json=bot_document(bot_id))
    await hand.set_status(bot_id, C, S, R)
    await hand.beat(bot_id, WorkerPhase.RUNNING)
    answer = await api.get("/metrics", headers={"Authorization": ""})
    assert answer.headers["content-type"].startswith("text/plain; version=")
    lines = answer.text.splitlines()
    assert f'hanfleet_bot_state{{bot_id="{bot_id}",state="running"}} 1.0' in lines
    assert f'hanfleet_bot_state{{bot_id="{bot_id}",state="failed"}} 0.0' in lines
    assert f'hanfleet_bot_messages_in_total{{bot_id="{bot_id}"}} 3.0' in lines
    assert f'hanfleet_bot_uss_bytes{{bot_id="{bot_id}"}} 2.2544384e+07' in lines


async def test_health(api: httpx.AsyncClient) -> None:
    answer = await api.get("/healthz", headers={"Authorization": ""})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "database": "ok", "bus": "ok"})


async def test_a_secret_that_does_not_open_is_a_sentence(
    api: httpx.AsyncClient, database: Database, bot_id: str
) -> None:
    bot = (await api.post("/api/bots", json=bot_document(bot_id))).json()
    owner = await database.store(database.urls.owner)
    async with owner.transaction(SYSTEM) as tx:
        [key] = await tx.keys.hold(bot_id)
        await tx.keys.rewrap(key, b"\x01" + bytes(60))
    problem = assert_problem(await api.put(f"/api/bots/{bot_id}", json=bot["config"]), 500, "broken")
    assert "master key" in problem["detail"]


async def test_what_cannot_be_stored_is_refused_in_a_sentence(api: httpx.AsyncClient, bot_id: str) -> None:
    async def refused(method: str, path: str, document: dict[str, Any]) -> dict[str, Any]:
        # Written in ASCII, as half a surrogate pair has no UTF-8.
        headers = {"Content-Type": "application/json"}
        answer = await api.request(method, path, content=json.dumps(document), headers=headers)
        return assert_problem(answer, 422, "invalid-input")

    bot = (await api.post("/api/bots", json=bot_document(bot_id))).json()
    for text in ("Z\0", "Z\udc00"):
        problem = await refused("PUT", f"/api/bots/{bot_id}", {**bot["config"], "name": text})
        assert problem["errors"][0]["field"] == "name"
        assert "take it out" in problem["detail"]
        await refused("PUT", f"/api/bots/{bot_id}", {**bot["config"], text: 1})
        await refused("PUT", f"/api/bots/{bot_id}", {**bot["config"], "bot_id": text})
        await refused("POST", f"/api/bots/{bot_id}/login/code", {"code": text})
        await refused("POST", f"/api/bots/{bot_id}/login/password", {"password": text})
    assert (await api.get(f"/api/bots/{bot_id}")).json() == bot


async def test_what_cannot_be_an_id_is_no_bot(api: httpx.AsyncClient) -> None:
    for odd in ("mira%00", "Mira!", "m" * 51, "mira%0A", "%ED%A0%80"):
        for path in ("", "/status", "/logs", "/outbox"):
            problem = assert_problem(await api.get(f"/api/bots/{odd}{path}"), 404, "not-found")
            assert "hanfleet bots list" in problem["detail"]
        assert_problem(await api.delete(f"/api/bots/{odd}"), 404, "not-found")
        assert_problem(await api.post(f"/api/bots/{odd}/start"), 404, "not-found")


async def test_refusals_say_what_belongs_there(api: httpx.AsyncClient, bot_id: str) -> None:
    for change, words in (
        ({"nmae": "Mira"}, "There is no field nmae; did you mean name?"),
        ({"persona": {"promt": "x"}}, "There is no field persona.promt; did you mean persona.prompt?"),
        ({"zzz": 1}, "There is no field zzz: leave it out."),
        ({"bot_id": "Mira!"}, "such as mira"),
        ({"telegram_api_hash": "short"}, "8 to 64 characters"),
        ({"name": ""}, "Write 1 to 100 characters."),
        ({"llm": {"temperature": 3}}, "Give a number from 0 to 2."),
        ({"pacing": {"chars_per_second": 0}}, "Give a number above 0 and at most 10000."),
        ({"persona": {"language": "fr"}}, "Choose 'en' or 'ru'."),
        ({"features": {"typing": "sometimes"}}, "Say true or false."),
        ({"quiet_hours": {"start": "late", "end": "08:00"}}, "such as 22:30"),
        ({"persona": "kind"}, "Give a table of fields."),
        ({"llm": {"base_url": "not a url"}}, "https://"),
    ):
        answer = await api.post("/api/bots", json={**bot_document(bot_id), **change})
        assert words in assert_problem(answer, 422, "invalid-input")["detail"]
    path = f"/api/bots/{bot_id}/login/code"
    assert "such as 12345" in (await api.post(path, json={"code": ""})).json()["detail"]
    assert (await api.post(path, json={"code": "1", "nmae": 1})).json()["detail"].endswith("leave it out.")
    odd = await api.post("/api/bots", content=b"{", headers={"Content-Type": "application/json"})
    assert "This is no JSON" in assert_problem(odd, 422, "invalid-input")["detail"]
    assert "Give a number of at most 500." in (await api.get("/api/bots", params={"limit": 501})).json()["detail"]
