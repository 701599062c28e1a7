"""What every request meets, whatever it asks for: token, limits, ids, problems. No database, no bus."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from hanfleet.core.errors import (
    BusUnavailableError,
    CommandTimeoutError,
    ConflictError,
    NotFoundError,
    PermanentError,
    StoreUnavailableError,
    TemporaryError,
)
from tests.support.front import AUTHORIZED, front_of


class FailingManager:
    """Every use-case ends in the same error."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.logins = self

    def __getattr__(self, name: str) -> Any:
        async def use_case(*_arguments: Any, **_named: Any) -> Any:
            if self.error:
                raise self.error
            return []

        return use_case


def client_of(error: Exception | None = None, manager: FailingManager | None = None) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(front_of(manager or FailingManager(error)), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://fleet")


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"Bearer",
        b"Bearer wrong-token",
        b"bearerthe-token",
        b"Basic the-token",
        b"Bearer the-tokenx",
        b"Bearer \xd0\xba",
    ],
)
async def test_without_the_token_nothing_is_told(header: bytes | None) -> None:
    async with client_of() as client:
        answer = await client.get("/api/bots", headers=[] if header is None else [(b"Authorization", header)])
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="hanfleet"'
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Authorization: Bearer" in answer.json()["detail"]


async def test_every_route_below_api_asks_for_the_token() -> None:
    async with client_of() as client:
        document = (await client.get("/openapi.json")).json()
        tried = 0
        for path, methods in document["paths"].items():
            for method in methods:
                if path.startswith("/api"):
                    answer = await client.request(method, path.replace("{bot_id}", "mira"), json={})
                    assert answer.status_code == 401, (method, path)
                    tried += 1
        assert tried >= 13


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (StoreUnavailableError("The database is away: try again."), 503, "database-unavailable"),
        (BusUnavailableError("The bus is away: try again."), 503, "bus-unavailable"),
        (TemporaryError("Not now: try again.", retry_after=17), 503, "unavailable"),
        (CommandTimeoutError("The worker is silent: look at its status."), 504, "worker-silent"),
        (PermanentError("The master key is another: put it back."), 500, "broken"),
    ],
)
async def test_errors_become_problems(error: Exception, status: int, kind: str) -> None:
    async with client_of(error) as client:
        answer = await client.get("/api/bots", headers=AUTHORIZED)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:hanfleet:problem:{kind}")
    assert answer.json()["detail"] == str(error)
    expected = {503: "17" if kind == "unavailable" else "5"}.get(status)
    assert answer.headers.get("retry-after") == expected


async def test_an_unexpected_error_tells_nothing_of_itself() -> None:
    async with client_of(RuntimeError("password=hunter22")) as client:
        with capture_logs() as logged:
            answer = await client.get("/api/bots", headers=AUTHORIZED)
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:hanfleet:problem:internal")
    assert "hunter22" not in answer.text
    assert "API's log" in answer.json()["detail"]
    assert [line["event"] for line in logged] == ["a request failed unexpectedly"]


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/nothing", 404, "not-found"),
        ("PATCH", "/api/bots", 405, "method-not-allowed"),
        ("GET", "/docs", 404, "not-found"),
    ],
)
async def test_what_is_not_there_is_a_problem_too(method: str, path: str, status: int, kind: str) -> None:
    async with client_of() as client:
        answer = await client.request(method, path, headers=AUTHORIZED)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:hanfleet:problem:{kind}")


async def test_a_method_that_is_not_taken_is_answered_with_all_that_are() -> None:
    allowed = {
        "/api/bots": "GET, POST",
        "/api/bots/mira": "DELETE, GET, PUT",
        "/api/bots/mira/login": "POST",
        "/healthz": "GET, HEAD",
    }
    async with client_of() as client:
        for path, methods in allowed.items():
            for method in ("OPTIONS", "PATCH"):
                answer = await client.request(method, path, headers=AUTHORIZED)
                assert (answer.status_code, answer.headers["allow"]) == (405, methods)


@pytest.mark.parametrize(("error", "status"), [(None, 200), (StoreUnavailableError("Away."), 503)])
async def test_monitors_may_ask_for_the_health_by_head(error: Exception | None, status: int) -> None:
    async with client_of(error) as client:
        assert (await client.head("/healthz")).status_code == status


async def test_a_body_too_large_is_refused_before_it_is_kept() -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65536

    async with client_of() as client:
        announced = await client.post("/api/bots", content=b"x" * (1024 * 1024 + 1), headers=AUTHORIZED)
        streamed = await client.post("/api/bots", content=endless(), headers=AUTHORIZED)
        largest = await client.post("/api/bots", content=b" " * (1024 * 1024), headers=AUTHORIZED)
    for answer in (announced, streamed):
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:hanfleet:problem:too-large")
    assert largest.status_code == 422


async def test_a_request_keeps_its_id() -> None:
    given = "0192f0c1-2345-7000-8000-0123456789ab"
    async with client_of() as client:
        kept = await client.get("/nothing", headers={"X-Request-ID": given})
        odd = await client.get("/nothing", headers={"X-Request-ID": 'x" onload'})
        first, second = [await client.get("/healthz") for _ in range(2)]
    assert kept.headers["x-request-id"] == given
    assert kept.json()["instance"] == f"urn:uuid:{given}"
    assert "onload" not in odd.headers["x-request-id"]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert first.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("error", "status", "health"),
    [
        (None, 200, {"status": "ok", "database": "ok", "bus": "ok"}),
        (
            StoreUnavailableError("postgresql://api:hunter22@host is away."),
            503,
            {"status": "unavailable", "database": "unavailable", "bus": "unavailable"},
        ),
    ],
)
async def test_health_is_open_and_says_little(error: Exception | None, status: int, health: dict) -> None:
    async with client_of(error) as client:
        answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (status, health)


async def test_without_a_bus_the_fleet_is_degraded() -> None:
    manager = FailingManager()

    async def away() -> None:
        raise BusUnavailableError("The bus is away.")

    manager.check_bus = away  # type: ignore[attr-defined]
    async with client_of(manager=manager) as client:
        answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")


async def test_the_openapi_document_is_fit_for_generating_a_client() -> None:
    async with client_of() as client:
        document = (await client.get("/openapi.json")).json()
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)
    assert {"add_bot", "list_bots", "get_bot", "configure_bot", "remove_bot", "start_bot", "request_login_code"} <= set(
        ids
    )
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert "summary" in operation
            if path.startswith("/api"):
                assert operation["security"]
                assert "422" in operation["responses"]
    problem = document["components"]["schemas"]["Problem"]["properties"]
    assert {"type", "title", "status", "detail", "instance", "errors"} <= set(problem)
    config = document["components"]["schemas"]["BotConfig"]["properties"]
    assert config["telegram_api_hash"]["writeOnly"]


async def test_the_openapi_document_declares_what_is_answered() -> None:
    """Every answer below carries a status and a media type that the document has for it."""
    away, broken = StoreUnavailableError("Away."), PermanentError("Broken.")
    tries: list[tuple[Exception | None, str, str, dict[str, Any]]] = [
        (None, "GET", "/healthz", {}),
        (away, "GET", "/healthz", {}),
        (None, "GET", "/healthz", {"content": b"x" * (1024 * 1024 + 1)}),
        (None, "GET", "/metrics", {}),
        (away, "GET", "/metrics", {}),
        (broken, "GET", "/metrics", {}),
        (None, "POST", "/api/bots", {"content": b"\xff"}),
        (None, "POST", "/api/bots", {"content": b"["}),
        (None, "PUT", "/api/bots/{bot_id}", {"content": b"\xff"}),
        (None, "PUT", "/api/bots/{bot_id}", {"content": b"x" * (1024 * 1024 + 1)}),
        (None, "POST", "/api/bots/{bot_id}/login/code", {"content": b"\xff"}),
        (None, "POST", "/api/bots/{bot_id}/login/password", {"content": b"\xff"}),
        (CommandTimeoutError("Silent."), "POST", "/api/bots/{bot_id}/login", {}),
        (None, "GET", "/api/bots", {}),
        (None, "GET", "/api/bots", {"headers": {}}),
        (None, "GET", "/api/bots", {"params": {"limit": 0}}),
        (away, "GET", "/api/bots", {}),
        (broken, "GET", "/api/bots", {}),
        (NotFoundError("None."), "DELETE", "/api/bots/{bot_id}", {}),
        (ConflictError("Not now."), "POST", "/api/bots/{bot_id}/start", {}),
    ]
    seen, manager, as_json = set(), FailingManager(), AUTHORIZED | {"Content-Type": "application/json"}
    async with client_of(manager=manager) as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
        for manager.error, method, path, sent in tries:
            answer = await client.request(method, path.replace("{bot_id}", "mira"), **{"headers": as_json, **sent})
            declared = paths[path][method.lower()]["responses"][str(answer.status_code)]["content"]
            assert {answer.headers["content-type"].partition(";")[0]} == declared.keys(), (method, path)
            seen.add(answer.status_code)
    assert seen == {200, 400, 401, 404, 409, 413, 422, 500, 503, 504}
