"""Nothing is forgotten: whatever the database grants or guards has its entry in `tables`, `powers` or here.

A failure names what is new. Give it its place there; what is granted here must be what some part of the product needs.
"""

import pytest

from hanfleet.store.roles import RoleNames
from tests.security.powers import POWERS
from tests.security.restrictions import restrictions_of_tables
from tests.security.scene import Scene
from tests.security.tables import FUNCTIONS, PARTITIONED, TABLES

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("red team")]

_LETTERS = {"SELECT": "r", "INSERT": "a", "UPDATE": "w", "DELETE": "d"}
NAMES = {restriction.name for restriction in (*restrictions_of_tables(), *POWERS)}


def _short(roles: RoleNames, name: str) -> str:
    """``bots`` for hf_<install>_bots; a name that is none of the installation's stays."""
    return next((short for short, full in vars(roles).items() if full == name), name)


async def test_every_table_is_known_and_guarded(scene: Scene) -> None:
    rows = await scene.admin.fetch(
        "SELECT relname, relrowsecurity, relkind = 'p' AS split FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('i', 'I', 't', 'c') AND NOT relispartition"
    )
    assert {row["relname"] for row in rows} == set(TABLES)
    assert {row["relname"] for row in rows if row["relrowsecurity"]} == {
        name for name, table in TABLES.items() if table.policies
    }
    assert {row["relname"] for row in rows if row["split"]} == set(PARTITIONED)


async def test_every_right_on_a_table_is_meant(scene: Scene) -> None:
    rows = await scene.admin.fetch(
        "SELECT relname, coalesce(rolname::text, 'PUBLIC') AS role, privilege_type AS verb, is_grantable FROM pg_class"
        " CROSS JOIN LATERAL aclexplode(relacl) AS acl LEFT JOIN pg_roles r ON r.oid = acl.grantee"
        " WHERE relnamespace = 'public'::regnamespace AND acl.grantee <> relowner"
    )
    assert not [row for row in rows if row["is_grantable"]]
    found: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        key = row["relname"], _short(scene.roles, row["role"])
        found.setdefault(key, set()).add(_LETTERS.get(row["verb"], row["verb"]))
    assert found == {
        (name, role): table.verbs(role) for name, table in TABLES.items() for role in table.rights if table.verbs(role)
    }


async def test_every_right_on_a_column_is_meant(scene: Scene) -> None:
    rows = await scene.admin.fetch(
        "SELECT attrelid::regclass::text AS relname, attname, coalesce(rolname::text, 'PUBLIC') AS role,"
        " privilege_type AS verb FROM pg_attribute CROSS JOIN LATERAL aclexplode(attacl) AS acl"
        " LEFT JOIN pg_roles r ON r.oid = acl.grantee"
        " JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace"
    )
    found: dict[tuple[str, str, str], set[str]] = {}
    for row in rows:
        key = row["relname"], _short(scene.roles, row["role"]), _LETTERS[row["verb"]]
        found.setdefault(key, set()).add(row["attname"])
    assert found == {
        (name, role, verb): table.columns(role, verb)
        for name, table in TABLES.items()
        for role in table.rights
        for verb in "raw"
        if table.columns(role, verb)
    }


async def test_every_policy_names_the_attack_that_it_stops(scene: Scene) -> None:
    rows = await scene.admin.fetch("SELECT tablename, policyname, roles::text[], permissive, qual FROM pg_policies")
    assert len(rows) > 30
    for row in rows:
        assert row["permissive"] == "PERMISSIVE"
        [role] = [_short(scene.roles, name) for name in row["roles"]]
        if role == "supervisor":
            # An opening, and no restriction: what these may do is in their rights.
            assert row["policyname"] == role, row
            continue
        name = f"policy {row['policyname']} on {row['tablename']}"
        assert any(known == name or known.startswith(f"{name}:") for known in NAMES), f"no attack is named for {name}"


async def test_every_function_is_granted_for_a_reason_or_attacked(scene: Scene) -> None:
    rows = await scene.admin.fetch(
        "SELECT p.oid::regprocedure::text AS function, prosecdef AS definer, prosqlbody IS NOT NULL AS atomic,"
        " coalesce(array_to_string(proconfig, ' '), '') LIKE '%search_path=pg_catalog, public, pg_temp%' AS safe_path,"
        " prorettype IN ('trigger'::regtype, 'event_trigger'::regtype) AS trigger, proname,"
        " array(SELECT coalesce(rolname::text, 'PUBLIC') FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) a"
        "       LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE a.grantee <> proowner) AS roles"
        " FROM pg_proc p WHERE pronamespace = 'public'::regnamespace"
    )
    granted = {row["proname"]: {_short(scene.roles, role) for role in row["roles"]} for row in rows}
    assert granted == {name: set(roles.split()) for name, roles in FUNCTIONS.items()}
    for row in rows:
        if row["definer"]:
            assert row["atomic"] or row["safe_path"], f"{row['function']} can be led astray by its caller's search_path"
        if "bots" not in granted[row["proname"]] and not row["trigger"]:
            assert f"no EXECUTE on {row['proname']}()" in NAMES, row["function"]


async def test_every_revoked_function_of_the_server_names_its_attack(scene: Scene) -> None:
    rows = await scene.admin.fetch(
        "SELECT oid::regprocedure::text AS function, has_function_privilege('public', oid, 'EXECUTE') AS stands_open"
        " FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname NOT IN ('lo_import', 'lo_export')"
        " AND (proname ~ '^pg_(try_)?advisory_' OR proname ~ '^lo_' OR proname IN ('loread', 'lowrite'))"
    )
    assert len(rows) > 30
    for row in rows:
        assert not row["stands_open"], row["function"]
        assert f"no EXECUTE on {row['function']}" in NAMES


async def test_the_database_the_schema_and_settings_are_granted_to_nobody_else(scene: Scene) -> None:
    database = await scene.admin.fetch(
        "SELECT rolname::text AS role, privilege_type FROM pg_database CROSS JOIN LATERAL aclexplode(datacl) AS acl"
        " LEFT JOIN pg_roles r ON r.oid = acl.grantee WHERE datname = current_database() AND acl.grantee <> datdba"
    )
    assert {(_short(scene.roles, row["role"]), row["privilege_type"]) for row in database} == {
        (role, "CONNECT") for role in vars(scene.roles) if role != "owner"
    }
    schema = await scene.admin.fetch(
        "SELECT grantee, privilege_type FROM pg_namespace CROSS JOIN LATERAL aclexplode(nspacl) AS acl"
        " WHERE nspname = 'public' AND grantee <> nspowner"
    )
    assert [tuple(row) for row in schema] == [(0, "USAGE")]
    settings = await scene.admin.fetch(
        "SELECT parname, rolname::text AS role FROM pg_parameter_acl CROSS JOIN LATERAL aclexplode(paracl) AS acl"
        " JOIN pg_roles r ON r.oid = acl.grantee WHERE NOT rolsuper AND rolname LIKE $1",
        f"hf_{scene.database.install_id}_%",
    )
    assert [(row["parname"], _short(scene.roles, row["role"])) for row in settings] == [
        ("temp_file_limit", "provisioner"),
        ("log_min_messages", "provisioner"),
    ]


async def test_every_trigger_of_the_whole_database_names_its_attack(scene: Scene) -> None:
    rows = await scene.admin.fetch("SELECT evtname::text AS name, evtenabled, evttags FROM pg_event_trigger")
    assert [(row["name"], row["evtenabled"], row["evttags"]) for row in rows] == [
        ("keep_policies", b"O", ["DROP OWNED"])
    ]
    for row in rows:
        assert f"event trigger {row['name']}" in NAMES


async def test_every_membership_and_power_of_a_role_is_meant(scene: Scene) -> None:
    prefix = f"hf_{scene.database.install_id}_%"
    members = await scene.admin.fetch(
        "SELECT g.rolname::text AS of, m.rolname::text AS member, admin_option AS admin, inherit_option AS inherit,"
        " set_option AS can_set FROM pg_auth_members a JOIN pg_roles g ON g.oid = roleid JOIN pg_roles m ON m.oid = member"
        " WHERE m.rolname LIKE $1",
        prefix,
    )
    meant = {("bots", "a bot"): "inherit", ("bots", "provisioner"): "admin", ("a bot", "provisioner"): "admin"}
    meant |= {(f"pg_{power}", "provisioner"): "inherit can_set" for power in ("signal_backend", "read_all_stats")}
    for row in members:
        pair = _kind(scene, row["of"]), _kind(scene, row["member"])
        assert " ".join(name for name in ("admin", "inherit", "can_set") if row[name]) == meant[pair], dict(row)
    roles = await scene.admin.fetch("SELECT *, rolname::text AS role FROM pg_roles WHERE rolname LIKE $1", prefix)
    for row in roles:
        powers = {power for power, held in row.items() if power.startswith("rol") and held is True}
        kind = _kind(scene, row["role"])
        expected = {"rolinherit", *(() if kind == "bots" else ("rolcanlogin",))}
        assert powers == expected | ({"rolcreaterole"} if kind == "provisioner" else set()), kind


def _kind(scene: Scene, name: str) -> str:
    short = _short(scene.roles, name)
    return "a bot" if short == name and name.startswith("hf_") else short
