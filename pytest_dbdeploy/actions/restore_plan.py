"""What a restore in place drops, and which entries of the backup it brings back: decided from the catalogue and the list."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from psycopg import sql

from .restore_catalogue import Catalogue, Present
from .restore_choice import LEFT_KINDS, Choice, in_passes
from .restore_touched import Touched, select
from .toc import Entry, printed

# With IF EXISTS and CASCADE any order works; this one has the fewest cascades.
_DROP_ORDER = (
    "EVENT TRIGGER",
    "CAST",
    "MATERIALIZED VIEW",
    "VIEW",
    "FOREIGN TABLE",
    "TABLE",
    "SEQUENCE",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "OPERATOR",
    "ROUTINE",
    "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY",
    "CONVERSION",
    "DOMAIN",
    "TYPE",
    "COLLATION",
    "PUBLICATION",
    "SERVER",
    "FOREIGN DATA WRAPPER",
    "LANGUAGE",
    "EXTENSION",
)
# DROP takes only one of these at a time.
_ONE_BY_ONE = (
    "CAST",
    "EVENT TRIGGER",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "CONVERSION",
    "LANGUAGE",
    "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY",
)
_OBJECT_TYPES = {
    "r": "TABLES",
    "S": "SEQUENCES",
    "f": "FUNCTIONS",
    "T": "TYPES",
    "n": "SCHEMAS",
    "L": "LARGE OBJECTS",
}
_PUBLIC_BY_DEFAULT = {"f": "EXECUTE", "T": "USAGE"}


@dataclass(slots=True)
class RestorePlan:
    """``drops``: SQL to run first, without BEGIN. ``passes``: entries in the order of restoring, each by one pg_restore.

    ``dropped``: keys of the objects that may vanish; nothing else may, but for parts of other tables that come back.
    ``tables``: as SQL, to be locked first. ``whole``: the whole database.
    """

    superuser: bool = False
    whole: bool = True
    drops: list[str] = field(default_factory=list)
    dropped: set[str] = field(default_factory=set)
    tables: list[str] = field(default_factory=list)
    passes: list[tuple[Entry, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def make_plan(now: Catalogue, entries: Sequence[Entry], keep_schemas: Collection[str]) -> RestorePlan:
    """Decides what goes and what comes. Pure."""
    plan = RestorePlan(superuser=now.superuser)
    in_backup = {(LEFT_KINDS[e.kind], e.tag) for e in entries if e.kind in LEFT_KINDS}
    backup_schemas = {e.tag for e in entries if e.kind == "SCHEMA"} | {
        e.schema for e in entries if e.schema is not None
    }
    drop = [o for o in now.objects if _goes(o, in_backup, keep_schemas)]
    dropped_schemas = _schemas_to_drop(now, drop, backup_schemas, keep_schemas)
    plan.dropped = {o.key for o in drop}
    plan.tables = sorted(o.identity for o in drop if o.kind == "TABLE")
    plan.drops = [
        *_drop_statements(drop),
        *(f"DROP SCHEMA {quoted(name)};" for name in dropped_schemas),
        "SELECT count(pg_catalog.lo_unlink(oid)) FROM pg_catalog.pg_largeobject_metadata "
        "WHERE pg_catalog.pg_has_role(lomowner, 'USAGE');",
    ]
    plan.drops += _reset_schemas(now, entries, backup_schemas - set(dropped_schemas), keep_schemas)
    plan.drops += _reset_default_privileges(now, {*keep_schemas, *dropped_schemas})
    choice = Choice(now, entries, plan.dropped, keep_schemas)
    plan.passes = in_passes([entry for entry in entries if choice.takes(entry)])
    plan.notes += choice.notes
    _note_left_alone(now, plan, keep_schemas)
    return plan


def make_touched_plan(
    now: Catalogue, entries: Sequence[Entry], keep_schemas: Collection[str], touched: Touched
) -> RestorePlan:
    """The same for nothing but what was touched, and what depends on it. NotPossible when that cannot be."""
    found = select(entries, now, touched)
    plan = RestorePlan(superuser=now.superuser, whole=False)
    drop = [o for o in found.drop if o.schema not in keep_schemas]
    backup_schemas = {e.tag for e in entries if e.kind == "SCHEMA"} | {
        e.schema for e in entries if e.schema is not None
    }
    gone = [
        name for name in _schemas_to_drop(now, drop, backup_schemas, keep_schemas) if name in found.schemas
    ]
    plan.dropped = {o.key for o in drop}
    plan.tables = sorted(o.identity for o in drop if o.kind == "TABLE")
    plan.drops = [
        *_drop_statements(drop),
        *found.statements,
        *(f"DROP SCHEMA {quoted(name)};" for name in gone),
    ]
    plan.drops += _reset_schemas(now, entries, found.schemas - set(gone), keep_schemas, found.schemas)
    if found.defaults:
        plan.drops += _reset_default_privileges(now, {*keep_schemas, *gone})
    choice = Choice(now, entries, plan.dropped, keep_schemas)
    plan.passes = in_passes(
        _attached_last([e for e in entries if e.number in found.back and choice.takes(e)])
    )
    plan.notes += choice.notes
    return plan


def _attached_last(entries: Sequence[Entry]) -> list[Entry]:
    """Partitions of a table that stays are attached with their indexes: else the server makes these by itself."""
    tables = {e.number for e in entries if e.kind == "TABLE"}
    late = [e for e in entries if e.kind == "TABLE ATTACH" and not tables.issuperset(e.depends)]
    rest = [e for e in entries if e not in late]
    at = max(
        (i for i, e in enumerate(rest, 1) if e.kind in ("TABLE", "TABLE DATA", "INDEX", "CONSTRAINT")),
        default=0,
    )
    return [*rest[:at], *late, *rest[at:]]


def quoted(name: str) -> str:
    return sql.Identifier(name).as_string()


def _goes(present: Present, in_backup: Collection[tuple[str, str]], keep_schemas: Collection[str]) -> bool:
    if not present.ours or present.extension or present.schema in keep_schemas:
        return False
    if present.kind in LEFT_KINDS.values():
        return (present.kind, printed(present.name)) not in in_backup
    return True


def _drop_statements(drop: Sequence[Present]) -> Iterable[str]:
    for kind in _DROP_ORDER:
        identities = [o.identity for o in drop if o.kind == kind and not o.internal]
        size = 1 if kind in _ONE_BY_ONE else len(identities) or 1
        command = "DROP CAST IF EXISTS {}" if kind == "CAST" else f"DROP {kind} IF EXISTS {{}}"
        for start in range(0, len(identities), size):
            yield command.format(", ".join(identities[start : start + size])) + " CASCADE;"


def _schemas_to_drop(
    now: Catalogue,
    drop: Sequence[Present],
    backup_schemas: Collection[str | None],
    keep_schemas: Collection[str],
) -> list[str]:
    """New schemas of ours in which nothing of somebody else is. Those of the backup stay: their contents go."""
    going = {o.key for o in drop}
    staying = [o for o in now.objects if o.key not in going and not o.internal]
    gone_extensions = {o.name for o in drop if o.kind == "EXTENSION"}
    occupied = {o.schema for o in staying if not (o.extension and gone_extensions)}
    return [
        schema.name
        for schema in now.schemas
        if schema.ours
        and not schema.extension
        and gone_extensions.issuperset(schema.extensions)
        and printed(schema.name) not in backup_schemas
        and schema.name not in occupied
        and schema.name not in keep_schemas
        and schema.name != "public"
    ]


def _reset_schemas(
    now: Catalogue,
    entries: Sequence[Entry],
    wanted: Collection[str | None],
    keep_schemas: Collection[str],
    only: Collection[str] | None = None,
) -> list[str]:
    """SQL that takes schemas back to their default privileges and comment, from which the backup's entries start."""
    owners = {e.tag: e.owner for e in entries if e.kind == "SCHEMA"}
    statements = []
    names = {schema.name for schema in now.schemas}
    if "public" not in names and "public" in wanted:
        statements += ["CREATE SCHEMA public;", "GRANT USAGE ON SCHEMA public TO PUBLIC;"]
        statements += ["ALTER SCHEMA public OWNER TO pg_database_owner;", *_public_comment()]
    for schema in now.schemas:
        if not schema.ours or schema.extension or schema.name in keep_schemas:
            continue
        if only is not None and schema.name not in only:
            continue
        if schema.name != "public" and printed(schema.name) not in wanted:
            continue
        name = quoted(schema.name)
        for grantee in schema.grantees:
            statements.append(f"REVOKE ALL ON SCHEMA {name} FROM {_grantee(grantee)} CASCADE;")
        owner = owners.get(printed(schema.name), schema.owner)
        if owner != schema.owner and owner in now.member_of:
            statements.append(f"ALTER SCHEMA {name} OWNER TO {quoted(owner)};")
        if schema.grantees:
            statements.append(
                f"GRANT ALL ON SCHEMA {name} TO {quoted(owner if owner in now.member_of else schema.owner)};"
            )
        if schema.name == "public":
            statements += ["GRANT USAGE ON SCHEMA public TO PUBLIC;", *_public_comment()]
        else:
            statements.append(f"COMMENT ON SCHEMA {name} IS NULL;")
    return statements


def _public_comment() -> list[str]:
    return [
        "COMMENT ON SCHEMA public IS 'standard public schema';"
    ]  # initdb's: pg_dump writes only what differs


def _reset_default_privileges(now: Catalogue, gone: Collection[str]) -> list[str]:
    statements = []
    for default in now.defaults:
        if default.schema in gone:
            continue
        objects = _OBJECT_TYPES[default.objtype]
        place = f" IN SCHEMA {quoted(default.schema)}" if default.schema is not None else ""
        start = f"ALTER DEFAULT PRIVILEGES FOR ROLE {quoted(default.role)}{place}"
        statements += [f"{start} REVOKE ALL ON {objects} FROM {_grantee(g)};" for g in default.grantees]
        if default.schema is None:
            statements.append(f"{start} GRANT ALL ON {objects} TO {quoted(default.role)};")
            if privilege := _PUBLIC_BY_DEFAULT.get(default.objtype):
                statements.append(f"{start} GRANT {privilege} ON {objects} TO PUBLIC;")
    return statements


def _grantee(name: str | None) -> str:
    return "PUBLIC" if name is None else quoted(name)


def _note_left_alone(now: Catalogue, plan: RestorePlan, keep_schemas: Collection[str]) -> None:
    others = [
        f"{o.kind.lower()} {o.identity} ({o.owner})"
        for o in now.objects
        if not o.ours and not o.extension and not o.internal and o.schema not in keep_schemas
    ]
    if others:
        more = f" and {len(others) - 20} more" if len(others) > 20 else ""
        plan.notes.append(f"left alone, as {now.role} does not own them: {', '.join(others[:20])}{more}")
