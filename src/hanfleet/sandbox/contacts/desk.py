"""The contacts' way to the sandbox's control interface: make an account, read a log-in code, read a chat from outside.

Reading a chat this way is the last resort of the final reading, when a contact's own line is down.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from hanfleet.sandbox.contacts.chat import HistoryEntry
from hanfleet.sandbox.contacts.line import Address
from hanfleet.sandbox.llm.language import Language

_ANSWER_WITHIN_S = 10.0
_SLICE = 1000


class DeskClosedError(ConnectionError):
    """The control interface does not answer, or refused; the message says which and names the way."""


@dataclass(frozen=True)
class ContactAccount:
    """A contact's account in the sandbox."""

    user_id: int
    phone: str


class Desk:
    """One contact's visits to the control interface that ``info``, the content of sandbox.json, names.

    Every method raises DeskClosedError when the interface is away or refuses.
    """

    def __init__(self, info: Mapping[str, Any]) -> None:
        self.address = Address(info["address"], int(info["port"]), int(info["dc_id"]), info["public_key_pem"])
        self._http = httpx.AsyncClient(
            base_url=info["control_url"],
            headers={"Authorization": f"Bearer {info['control_token']}"},
            timeout=_ANSWER_WITHIN_S,
            trust_env=False,
            verify=str(info["control_url"]).startswith("https"),  # else a list of authorities is read for nothing
        )

    async def create_person(self, name: str, language: Language) -> ContactAccount:
        """Make a user account with a phone number of the sandbox's choice."""
        made = await self._ask("POST", "/accounts", {"kind": "user", "first_name": name, "language_code": language})
        return ContactAccount(made["id"], made["phone"])

    async def login_code(self, phone: str) -> str:
        """The newest log-in code that was sent to the phone."""
        known = await self._ask("GET", f"/codes/{phone}")
        return str(known["code"])

    async def handle_of(self, account_id: int) -> str:
        """By what a client can find the account: its username, or else its phone number with a plus."""
        account = await self._ask("GET", f"/accounts/{account_id}")
        return str(account["username"] or f"+{account['phone']}")

    async def read_chat(self, account_id: int, peer_id: int) -> Sequence[HistoryEntry]:
        """What the account sees of its chat with ``peer_id``."""
        found: list[HistoryEntry] = []
        while True:
            after = found[-1].telegram_id if found else 0
            path = f"/accounts/{account_id}/messages?peer={peer_id}&after_id={after}&limit={_SLICE}"
            page = await self._ask("GET", path)
            found += [HistoryEntry(message["id"], message["out"], message["text"]) for message in page]
            if len(page) < _SLICE:
                return found

    async def close(self) -> None:
        """Let go of the connection."""
        await self._http.aclose()

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = await self._http.request(method, path, json=body)
            answer.raise_for_status()
        except httpx.HTTPError as failed:
            raise DeskClosedError(f"The sandbox's control interface failed at {method} {path}: {failed}") from failed
        return answer.json()
