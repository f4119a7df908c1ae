"""Do the role's privileges suffice to read everything, to back it up and to write the deployment's state?"""

import pytest

from pytest_dbdeploy.db.state import COLUMNS


@pytest.fixture
def target(dbdeploy_plan):
    if dbdeploy_plan.target is None:
        pytest.fail("not known: the target could not be read", pytrace=False)
    return dbdeploy_plan.target


def test_all_tables_are_readable(target):
    if target.unreadable_tables:
        names = ", ".join(target.unreadable_tables[:10])
        pytest.fail(
            f"role {target.user} may not read {len(target.unreadable_tables)} relations, so they can be neither cloned nor backed up: {names}\n"
            f'grant it: GRANT SELECT ON {target.unreadable_tables[0]} TO "{target.user}";',
            pytrace=False,
        )


def test_state_can_be_written(target, dbdeploy_target, _dbdeploy_checks):
    schema = _dbdeploy_checks["state_schema"]
    if not target.state_schema_exists:
        if not target.can_create_schema:
            pytest.fail(
                f"role {target.user} may not create the schema {schema} in which the deployment's state is kept\n"
                f'grant it: GRANT CREATE ON DATABASE "{target.database}" TO "{target.user}"; or create the schema and make the role its owner',
                pytrace=False,
            )
        return
    row = dbdeploy_target.fetch(
        "select has_schema_privilege(n.oid, 'USAGE') as usage, has_schema_privilege(n.oid, 'CREATE') as create, "
        "c.oid is not null as exists, coalesce(has_table_privilege(c.oid, 'SELECT') and has_table_privilege(c.oid, 'INSERT') "
        "and has_table_privilege(c.oid, 'UPDATE'), false) as writable, coalesce(pg_has_role(c.relowner, 'USAGE'), true) as owned, "
        "array(select attname::text from pg_attribute where attrelid = c.oid) as columns "
        "from pg_namespace n left join pg_class c on c.relnamespace = n.oid and c.relname = 'deployments' where n.nspname = %s",
        [schema],
    )[0]
    if not row["usage"] or not (row["writable"] if row["exists"] else row["create"]):
        grants = [f'GRANT USAGE, CREATE ON SCHEMA "{schema}" TO "{target.user}";']
        if row["exists"]:
            grants = [
                f'GRANT USAGE ON SCHEMA "{schema}" TO "{target.user}";',
                f'GRANT SELECT, INSERT, UPDATE ON "{schema}".deployments TO "{target.user}";',
            ]
        pytest.fail(
            f"role {target.user} may not write to {schema}.deployments, where the deployment's state is kept\n"
            f"grant it: {' '.join(grants)}",
            pytrace=False,
        )
    lacking = [name for name in COLUMNS if name not in row["columns"]]
    if row["exists"] and lacking and not row["owned"]:
        pytest.fail(
            f"{schema}.deployments is of an earlier version, and role {target.user}, who is not its owner, may not add what it lacks: "
            f"{', '.join(lacking)}\nlet its owner deploy once, or add them: "
            + " ".join(
                f'ALTER TABLE "{schema}".deployments ADD "{name}" {COLUMNS[name]};' for name in lacking
            ),
            pytrace=False,
        )


def test_state_schema_is_not_in_the_commands_path(dbdeploy_plan, target, _dbdeploy_checks):
    """A command runs in sessions of its own, whose search_path cannot be changed from here."""
    schema = _dbdeploy_checks["state_schema"]
    if dbdeploy_plan.command is not None and target.user == schema:
        pytest.fail(
            f"role {target.user} is called as the schema {schema}, so by its search_path the command would create its tables there\n"
            f"set state.schema in dbdeploy.yaml to another name",
            pytrace=False,
        )


def test_row_security_hides_nothing(target, dbdeploy_target):
    """pg_dump refuses tables whose row security would apply to it, rather than lose rows."""
    hidden = [
        row["name"]
        for row in dbdeploy_target.fetch(
            "select c.oid::regclass::text as name from pg_class c where c.relrowsecurity and c.relkind in ('r', 'p') and row_security_active(c.oid)"
        )
    ]
    if hidden:
        pytest.fail(
            f"row security applies to role {target.user} on {', '.join(hidden)}: a clone and a backup would lack rows\n"
            f"deploy as the tables' owner without FORCE ROW LEVEL SECURITY, or as a role with BYPASSRLS",
            pytrace=False,
        )
