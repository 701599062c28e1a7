"""Every restriction of the database, the attack that it stops, and how to take it away: data for `test_restrictions`.

An attack is SQL of one role. It fails as things stand and succeeds once ``lift`` was run by a superuser, so each entry
proves that it is this restriction which stops it, and not chance. What can only be shown over log-ins of its own
(connections, passwords, settings of roles) is in `test_live_restrictions`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.security.tables import PARTITIONED, READABLE, TABLES, Table

SERVICES = ("supervisor", "api", "provisioner", "relay")
_DENIED = ("42501",)


@dataclass(frozen=True)
class Restriction:
    """``given`` is what else has been broken before: it shows the inner of two locks. ``refused``: SQLSTATEs.

    Placeholders: @bots@ and the like are roles, @mallory@ and @anna@ the bots' own; with a ``table``, @row@ is a row of
    it as JSON, @columns@ its columns, @partition@ where anna's row lies, @key@ and @key_types@ its primary key.
    """

    name: str
    stops: str
    attack: str
    lift: str
    role: str = "bots"
    given: str = ""
    table: str = ""
    refused: tuple[str, ...] = _DENIED


def _policies() -> Iterator[Restriction]:
    for table in READABLE:
        policy, rights = ("own_read" if table == "events" else "own"), TABLES[table]
        read = f"SELECT 1 FROM {table} WHERE bot_id = 'anna'"
        yield Restriction(
            f"policy {policy} on {table}",
            f"reading another bot's {table}",
            read,
            f"ALTER POLICY {policy} ON {table} USING (true)",
        )
        yield Restriction(
            f"row level security of {table}",
            f"reading another bot's {table} past every policy",
            read,
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        )
        if rights.columns("bots"):
            column = min(rights.columns("bots"))
            yield Restriction(
                f"policy {policy} on {table}, for updates",
                f"changing another bot's {table}",
                f"UPDATE {table} SET {column} = {column} WHERE bot_id = 'anna'",
                f"ALTER POLICY {policy} ON {table} USING (true)",
            )
        some = rights.columns("bots", "a")
        if ("a" in rights.verbs("bots") or some) and table != "events":
            yield Restriction(
                f"policy {policy} on {table}, for inserts",
                f"planting {table} with another bot",
                _forged_insert(table, "bot_id = 'anna'"),
                f"ALTER POLICY {policy} ON {table} USING (true) WITH CHECK (true)",
                given=_alone(table) + (f"; GRANT INSERT ON {table} TO @bots@" if some else ""),
                table=table,
            )
    for table, rights in TABLES.items():
        if rights.policies and rights.rights.get("api"):
            yield Restriction(
                f"policy api on {table}",
                f"an API that reads {table} for nobody, or for somebody without a grant",
                f"SET LOCAL hanfleet.principal = 'operator:nobody';\nSELECT 1 FROM {table}",
                f"ALTER POLICY api ON {table} USING (true)",
                role="api",
            )
    for table in ("operators", "grants", "tokens"):
        yield Restriction(
            f"policy api_own on {table}",
            f"an operator who reads the {table} of others",
            f"SET LOCAL hanfleet.principal = 'operator:nobody';\nSELECT 1 FROM {table}",
            f"ALTER POLICY api_own ON {table} USING (true)",
            role="api",
        )


def _missing_grants(role: str) -> Iterator[Restriction]:
    for name, table in TABLES.items():
        verbs = table.verbs(role)
        for letter, right, what, attack in (
            ("r", "SELECT", "reading", f"SELECT t.* FROM {name} t"),
            ("a", "INSERT", "forging", _forged_insert(name)),
            ("d", "DELETE", "deleting", f"DELETE FROM {name}"),
            ("D", "TRUNCATE", "emptying", f"TRUNCATE {name} CASCADE"),
        ):
            if letter not in verbs:
                grant = f"GRANT {right} ON {'ALL TABLES IN SCHEMA public' if letter == 'D' else name} TO {_group(role)}"
                yield Restriction(
                    f"no {right} on {name} for {role}",
                    f"{what} {name}",
                    attack,
                    grant + _open_rows(name, table, role),
                    role=role,
                    given=_alone(name) if letter == "a" else _replica(),
                    table=name,
                )
        if not verbs & {"w", "d"}:
            yield Restriction(
                f"no table-wide UPDATE on {name} for {role}",
                f"a lock on {name} that hangs everybody",
                f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE",
                f"GRANT UPDATE ON {name} TO {_group(role)}",
                role=role,
            )


def _partitions() -> Iterator[Restriction]:
    for name in PARTITIONED:
        yield Restriction(
            f"no SELECT on partitions of {name} for bots",
            f"reading another bot's {name} below the policy, which stands on the parent alone",
            "SELECT 1 FROM @partition@ t WHERE bot_id = 'anna'",
            "GRANT SELECT ON @partition@ TO @bots@",
            table=name,
        )


def _missing_powers_over_tables(role: str) -> Iterator[Restriction]:
    for name, table in TABLES.items():
        yield Restriction(
            f"no TRIGGER on {name} for {role}",
            f"running along with everybody's writes to {name}",
            f"CREATE TRIGGER hook BEFORE UPDATE ON {name} FOR EACH ROW"
            " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            f"GRANT TRIGGER ON ALL TABLES IN SCHEMA public TO {_group(role)}",  # a partition gets the trigger too
            role=role,
        )
        if not table.verbs(role) & {"w", "d"}:  # who has one of these may lock the table anyway
            yield Restriction(
                f"no MAINTAIN on {name} for {role}",
                f"a rebuild of {name} that hangs everybody",
                f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE",
                f"GRANT MAINTAIN ON {name} TO {_group(role)}",
                role=role,
            )
        if name != "metrics_data":  # it has no key to refer to
            yield Restriction(
                f"no REFERENCES on {name} for {role}",
                f"asking which keys {name} holds, and keeping its rows from being erased",
                f"CREATE TABLE hook (@key_types@, FOREIGN KEY (@key@) REFERENCES {name} (@key@))",
                f"GRANT REFERENCES ON {name} TO {_group(role)}",
                role=role,
                given=f"GRANT CREATE ON SCHEMA public TO {_group(role)}",
                table=name,
            )


def _forged_insert(table: str, where: str = "") -> str:
    row = "'@row@'"
    if where:
        row = """jsonb_set('@row@', '{bot_id}', '"anna"')"""
    return f"INSERT INTO {table} (@columns@) SELECT @columns@ FROM jsonb_populate_record(NULL::public.{table}, {row})"


def _replica() -> str:
    return "SET LOCAL session_replication_role = replica"


def _alone(table: str, *, keep: bool = False) -> str:
    """Room for a forged row: no other rows and no checks of references."""
    return f"{_replica()}; DELETE FROM {table} t" + (" WHERE to_jsonb(t) <> '@row@'" if keep else "")


def _group(role: str) -> str:
    return f"@{role}@"


def _open_rows(name: str, table: Table, role: str) -> str:
    """The second lock of a table on which a role has no policy that fits."""
    fits = table.rights.get(role) and not (role in {"bots", "relay"} and name == "events")
    if not table.policies or (fits and role != "api"):
        return ""
    return f"; CREATE POLICY lifted ON {name} TO {_group(role)} USING (true)"


def restrictions_of_tables() -> list[Restriction]:
    """Everything that follows from `tables`, but for single columns."""
    found = [*_policies(), *_partitions()]
    for role in ("bots", *SERVICES):
        found.extend(_missing_powers_over_tables(role))
        found.extend(_missing_grants(role))
    return found


def restrictions_of_columns(name: str, all_columns: Iterable[str], role: str = "bots") -> Iterator[Restriction]:
    """One for each column of the table that the role may not update."""
    table = TABLES[name]
    for column in all_columns:
        if column not in table.columns(role):
            yield Restriction(
                f"no UPDATE of {name}.{column} for {role}",
                f"rewriting {column} in {name}",
                f"UPDATE {name} SET {column} = (jsonb_populate_record(NULL::public.{name}, '@row@')).{column}",
                f"GRANT UPDATE ({column}) ON {name} TO {_group(role)}",
                role=role,
                given=_alone(name, keep=True) + _open_rows(name, table, role),  # or the policy would stop it
                table=name,
            )
