"""The whole schema as lines of text, so that two of them can be compared and a difference can be read."""

from typing import Any

# Columns are numbered anew: a dropped one leaves a gap in attnum that means nothing.
_QUERIES = {
    "relation": """
        SELECT format('%s %s owner=%s rls=%s/%s options=%s acl=%s bound=%s key=%s note=%s', relkind, relname,
                      pg_get_userbyid(relowner), relrowsecurity, relforcerowsecurity, reloptions,
                      ARRAY(SELECT unnest(relacl)::text ORDER BY 1),
                      pg_get_expr(relpartbound, oid), CASE WHEN relkind = 'p' THEN pg_get_partkeydef(oid) END,
                      obj_description(oid, 'pg_class'))
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')""",
    "column": """
        SELECT format('%s.%s #%s %s null=%s default=%s generated=%s identity=%s acl=%s', c.relname, a.attname,
                      row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), format_type(a.atttypid, a.atttypmod),
                      NOT a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attgenerated, a.attidentity,
                      ARRAY(SELECT unnest(a.attacl)::text ORDER BY 1))
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0
          AND NOT a.attisdropped""",
    "constraint": """
        SELECT format('%s.%s %s validated=%s', conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0""",
    "index": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "policy": """
        SELECT format('%s.%s %s %s to=%s using=%s check=%s', tablename, policyname, permissive, cmd,
                      ARRAY(SELECT unnest(roles)::text ORDER BY 1), qual, with_check)
        FROM pg_policies WHERE schemaname = 'public'""",
    "function": """
        SELECT format('%s owner=%s acl=%s %s', oid::regprocedure, pg_get_userbyid(proowner),
                      ARRAY(SELECT unnest(proacl)::text ORDER BY 1), pg_get_functiondef(oid))
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind <> 'a'""",
    "trigger": """
        SELECT format('%s enabled=%s', pg_get_triggerdef(oid), tgenabled) FROM pg_trigger WHERE NOT tgisinternal""",
    "type": """
        SELECT format('%s %s %s', typname, typtype, ARRAY(SELECT enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid
                                                           ORDER BY enumsortorder))
        FROM pg_type t WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd', 'r')""",
    "default right": """
        SELECT format('%s %s', defaclobjtype, ARRAY(SELECT unnest(defaclacl)::text ORDER BY 1)) FROM pg_default_acl""",
    "schema": """
        SELECT format('%s acl=%s', nspname, ARRAY(SELECT unnest(nspacl)::text ORDER BY 1)) FROM pg_namespace
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'""",
}


async def schema_of(connection: Any) -> list[str]:
    """Everything that a migration can make, sorted; ``connection`` is a superuser's."""
    lines: list[str] = []
    for kind, query in _QUERIES.items():
        rows = await connection.fetch(query)
        lines += sorted(f"{kind}: {row[0]}" for row in rows)
    return lines
