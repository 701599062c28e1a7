"""What each role may do with each table, and a row to plant in it: the list that the red team attacks along.

Whoever adds a table adds it here, with the rights that its migration grants; a table, a grant or a policy that stands
in the database and not here fails `test_coverage`. Everything that is not granted here is attacked in
`test_restrictions`, one test each.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NOW = "2026-05-05T12:00:00Z"
_COLUMNS = re.compile(r"([raw])\(([a-z_ ]+)\)")
_ID = "00000000-0000-7000-8000-0000000000aa"


@dataclass(frozen=True)
class Table:
    """``rights`` by role: ``r`` SELECT, ``a`` INSERT, ``w`` UPDATE, ``d`` DELETE, ``w(x y)`` UPDATE of two columns,
    ``r(x y)`` SELECT and ``a(x y)`` INSERT of two.

    ``row`` is planted for both bots, ``{bot}`` in it becomes the bot's id, ``{uuid}`` and ``{hash}`` something new; empty
    where the fleet itself makes one. Its text says "planted for {bot}", so that whoever steals it is found out.
    ``policies``: row level security is on; only tables without a bot's rows may do without.
    """

    rights: Mapping[str, str] = field(default_factory=dict)
    row: Mapping[str, Any] = field(default_factory=dict)
    policies: bool = True

    def verbs(self, role: str) -> set[str]:
        """The letters of what the role may do with the whole table."""
        return set(_COLUMNS.sub("", self.rights.get(role, "")).split())

    def columns(self, role: str, verb: str = "w") -> set[str]:
        """What the role may update (or with ``r`` read, with ``a`` insert) column by column."""
        found = {letter: set(columns.split()) for letter, columns in _COLUMNS.findall(self.rights.get(role, ""))}
        return found.get(verb, set())


def _bot_row(**columns: Any) -> dict[str, Any]:
    return {"bot_id": "{bot}", **columns}


_API = {"api": "r a w d"}
_WISHES = "name config config_version desired_state restart_generation updated_at"
_SESSION = "telegram_user_id is_bot dc_id server_address port auth_key_sealed pts qts date seq updated_at"
_ALL = {"supervisor": "r a w d", **_API}

TABLES: dict[str, Table] = {
    "bots": Table({"api": f"r a d w({_WISHES})", "supervisor": "r w d", "bots": "r"}),
    "bot_counters": Table({**_API, "supervisor": "r w", "bots": "r w(event_seq outbox_seq)"}),
    "secrets": Table({"api": "r a d w(sealed)", "bots": "r"}, _bot_row(name="openai_api_key", sealed=r"\x414243")),
    "sessions": Table(
        {
            **_API,
            "bots": f"r a(bot_id {_SESSION}) w({_SESSION})",
        },
        _bot_row(
            is_bot=True, dc_id=2, server_address="planted for {bot}", port=1, auth_key_sealed=r"\x41", updated_at=NOW
        ),
    ),
    "session_entities": Table(
        {**_API, "bots": "r a w(kind access_hash_sealed name username phone_sealed)"},
        _bot_row(entity_id=5, kind="user", access_hash_sealed=r"\x41", name="planted for {bot}"),
    ),
    "user_profiles": Table(
        {
            "api": "r a d w(opted_out_at paused_at)",
            "bots": "r a w(name username language is_bot profile_data disclosed_at opted_out_at paused_at message_count"
            " last_activity)",
        },
        _bot_row(id=_ID, chat_id=1, name="planted for {bot}", created_at=NOW),
    ),
    "conversations": Table(
        {
            **_API,
            "bots": "r a w(newest_inbound newest_inbound_at answered_through reply_due_at waiting_since response_id"
            " timestamp)",
        },
        _bot_row(id=_ID, chat_id=1, timestamp=NOW),
    ),
    "messages": Table(
        {
            **_API,
            "supervisor": "r(bot_id id created_at waiting) d",
            "bots": "r a w(telegram_id text sent_at edited_at deleted_at waiting turn_id text_sealed)",
        },
        _bot_row(id=_ID, chat_id=1, direction="in", author="contact", text="planted for {bot}", created_at=NOW),
    ),
    "turns": Table(
        {**_API, "bots": "r a"},
        _bot_row(chat_id=1, newest_inbound=1, id=_ID, reason="planted for {bot}", created_at=NOW),
    ),
    "outbox": Table(
        {
            **_API,
            "supervisor": "r(bot_id id state) d",
            "bots": "r a w(state first_attempt_at attempts not_before telegram_id sent_at error)",
        },
        _bot_row(
            id=_ID, chat_id=1, part=0, position=1, kind="reply", text="planted for {bot}", random_id=7, created_at=NOW
        ),
    ),
    "events": Table(
        {**_API, "supervisor": "r a d", "relay": "r w(published_at)", "bots": "r a"},
        _bot_row(
            id="{uuid}",
            type="bot.x",
            version=1,
            source="worker",
            seq=1,
            data={"for": "planted for {bot}"},
            correlation_id=_ID,
            timestamp=NOW,
        ),
    ),
    "metrics_data": Table(
        {**_API, "supervisor": "r d", "bots": "r a"}, _bot_row(name="planted for {bot}", value=1, timestamp="now")
    ),
    "heartbeats": Table(
        {**_API, "supervisor": "r"},
        _bot_row(
            epoch=1,
            phase="running",
            loop_lag_ms=0,
            connected=True,
            rss_mb=1,
            uss_mb=1,
            messages_in=0,
            messages_out=0,
            at=NOW,
        ),
    ),
    "bot_keys": Table({"api": "r a d w(made_at)", "supervisor": "r w(made_at)"}, _bot_row(key_id=1, wrapped=r"\x41")),
    "facts": Table(
        {**_API, "bots": "r a w(fact fact_sealed learned_at)"},
        _bot_row(chat_id=1, topic="home", fact="planted for {bot}", learned_at=NOW),
    ),
    "summaries": Table(
        {**_API, "bots": "r a"}, _bot_row(id=_ID, chat_id=1, summary="planted for {bot}", through=_ID, created_at=NOW)
    ),
    "schedules": Table(
        {**_API, "bots": "r a w(due_at state settled_at)"},
        _bot_row(id=_ID, chat_id=1, kind="timer", due_at=NOW, created_at=NOW),
    ),
    "operators": Table({"api": "r a d w(disabled_at)"}),
    "grants": Table({"api": "r a d w(role granted_by granted_at)"}),
    "tokens": Table(
        {"api": "r a d w(last_used_at revoked_at)"},
        {
            "id": "{uuid}",
            "operator": "owner",
            "name": "planted for {bot}",
            "hash": "\\x{hash}",
            "scopes": [],
            "created_at": NOW,
        },
    ),
    "webhooks": Table(
        {**_ALL, "api": "r a d"},
        _bot_row(
            id="{uuid}",
            url="https://x",
            secret_sealed=r"\x41",
            event_types=["x"],
            created_at=NOW,
            updated_at=NOW,
            state="active",
        ),
    ),
    "alerts": Table(_ALL, _bot_row(id="{uuid}", kind="x", severity="info", detail="planted for {bot}", raised_at=NOW)),
    "leases": Table({"supervisor": "r a w", "api": "r"}, policies=False),
    "bot_roles": Table({"provisioner": "r a d w(rotated_at)"}, policies=False),
    "installation": Table({"provisioner": "r"}, policies=False),
    "alembic_version": Table(dict.fromkeys(("api", "bots", "supervisor"), "r"), policies=False),
    "imports": Table({"api": "r w(kept)"}, _bot_row(id="{uuid}", made_bot=False, started_at=NOW)),
    "erasures": Table(
        {"api": "r a w(rows_gone_at counts echo_from echo_until done_at)"},
        _bot_row(
            id="{uuid}", kind="bot", mark="\\x{hash}", requested_by="planted for {bot}", requested_at=NOW, counts={}
        ),
    ),
    "audit": Table({"api": "r"}),
    "audit_chains": Table({"supervisor": "r"}),
    "audit_checkpoints": Table({}, {"chain": "planted for {bot}", "seq": 1, "hash": r"\x41"}),
    "imported": Table({}, _bot_row(import_id="{uuid}", kind="facts", brought={"for": "planted for {bot}"})),
}

#: Tables of which a bot reads its own rows, and tables of which it sees nothing.
READABLE = tuple(name for name, table in TABLES.items() if "r" in table.verbs("bots") and table.policies)
CLOSED = tuple(name for name, table in TABLES.items() if "r" not in table.verbs("bots"))

#: Split into partitions, which hold no policies and on which nobody but their owner holds a right.
PARTITIONED = ("user_profiles", "conversations", "messages", "events", "metrics_data", "audit")

#: Who may call the functions of the schema; trigger functions are called by nobody.
FUNCTIONS = {
    **dict.fromkeys(("my_bot", "claim_lease", "renew_lease", "release_lease", "beat", "forget_my_session"), "bots"),
    "may_be_echo": "bots",
    "contact_tables": "",
    **dict.fromkeys(("contact_rows", "erase_contact_rows"), "api"),
    **dict.fromkeys(("ensure_month_partitions", "drop_old_months", "drop_old_audit"), "supervisor"),
    **dict.fromkeys(("audit_append", "audit_note", "audit_row", "audit_import"), ""),
    **dict.fromkeys(("audit_view", "audit_config", "audit_difference"), ""),
    **dict.fromkeys(("search_messages", "principal_sees_all", "principal_bots", "principal_manages_operators"), "api"),
    "mark_published": "relay",
    "refuse_drop_owned": "",
    "refuse_undisclosed": "",
    "refuse_leap": "",
}
