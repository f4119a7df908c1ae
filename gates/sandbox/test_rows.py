"""Are the rows of tables that no statement writes to still what they were? One gate a table of the target."""

import pytest

from pytest_dbdeploy import facts, not_applicable
from pytest_dbdeploy.compare.names import parent_name
from pytest_dbdeploy.compare.rows import count_rows, digest_rows, family


def pytest_generate_tests(metafunc):
    tables = facts(metafunc.config)["tables"]
    metafunc.parametrize("table", tables or [pytest.param(None, id="no tables")])


@pytest.fixture(scope="module")
def clones(dbdeploy_sandbox):
    """A connection to the clone before, and one to it after: a database may have thousands of tables. No lock outlives a gate."""
    with dbdeploy_sandbox.before.connect() as before, dbdeploy_sandbox.after.connect() as after:
        before.autocommit = after.autocommit = True
        yield before, after


def test_rows_are_preserved(
    table, dbdeploy_plan, clones, dbdeploy_changes, dbdeploy_evidence, _dbdeploy_checks
):
    if table is None:
        return
    if table in _dbdeploy_checks.get("history_relations", ()):
        not_applicable(f"{table} is the migration tool's own history")
    if any(c.object == table and c.kind == "table" and c.change == "removed" for c in dbdeploy_changes):
        not_applicable(f"{table} is removed: the rule table-removed judges that")
    renamed = {c.object: c.after["name"] for c in dbdeploy_changes if c.change == "renamed"}
    name = renamed.get(table, table)
    columns = [
        c.object
        for c in dbdeploy_changes
        if c.kind == "column" and c.change != "renamed" and parent_name(c.object) == name
    ]
    before, after = clones
    tables = family(before, table)
    if not tables:
        not_applicable(f"{table} is not in the clone: it was removed from the target since the plan was made")
    tables |= {name}
    written = [place for evidence in dbdeploy_evidence if (place := writes(evidence, tables))]
    if written:
        not_applicable(f"{table} is written to on purpose, by {', '.join(written)}")
    gone = partitions_gone(dbdeploy_changes, tables)
    come = partitions_come(dbdeploy_changes, family(after, name))
    # Added columns change every row, and the digest with them: then the number of rows must do.
    by_number = columns or gone or come
    read = count_rows if by_number else digest_rows
    was, now = read(before, [table])[table], read(after, [name])[name]
    if by_number:  # of what stays one; the rows of partitions are compared for themselves
        was -= sum(count_rows(before, gone).values())
        now -= sum(count_rows(after, come).values())
    if was == now:
        return
    if dbdeploy_plan.command is not None:
        not_applicable(f"{table} was written to by the command, whose statements are not seen one by one")
    if by_number:
        aside = ", the partitions that it was given or lost aside," if gone or come else ""
        text = f"{table} had {was} rows and has {now}{aside} after the migrations"
    elif was[0] != now[0]:
        text = f"{table} had {was[0]} rows and has {now[0]} after the migrations"
    else:
        text = f"{table} has {now[0]} rows as before, but they are not the same: values were changed"
    naming = [f"{e.file}:{e.line}" for e in dbdeploy_evidence if names(e, table)]
    pytest.fail(
        f"{text}, though no statement writes to it."
        + (f"\nStatements that name it: {', '.join(naming)}." if naming else "")
        + "\nLook for a rewrite that converts values, a trigger, or a CASCADE; where the change is meant, make it with an UPDATE, "
        "DELETE or INSERT in the migration.",
        pytrace=False,
    )


def partitions_gone(changes, tables):
    """Partitions of ``tables`` that were detached or dropped; with what is a part of another one it is counted there."""
    gone = {c.object: (c.before or {}).get("partition_of") for c in changes if c.kind == "table"}
    return [name for name, parent in gone.items() if parent in tables and not gone.get(parent)]


def partitions_come(changes, tables):
    """Tables with rows of their own that were attached to ``tables``."""
    come = {c.object: (c.after or {}).get("partition_of") for c in changes if c.kind == "table" and c.before}
    return [name for name, parent in come.items() if parent in tables and not come.get(parent)]


def writes(evidence, tables):
    """The place of a statement that wrote to one of ``tables``, or None."""
    written = tables & evidence.rows.keys()
    # What goes with a TRUNCATE ... CASCADE was not meant by it.
    meant = (evidence.tag or "").startswith("TRUNCATE")
    written |= {table for table in tables & set(evidence.truncated) if names(evidence, table) or not meant}
    return f"{evidence.file}:{evidence.line}" if written else None


def names(evidence, table):
    return table.split(".")[-1].strip('"').lower() in evidence.statement.lower()
