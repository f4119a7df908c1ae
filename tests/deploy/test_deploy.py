"""Whole deployments: what the outcome table of the interface promises, each reached by a real run."""

import pytest

GATE = "def test_it(dbdeploy_sandbox):\n    assert dbdeploy_sandbox.after.scalar('select count(*) from users') == 100\n"
POST_GATE = "def test_it(dbdeploy_target):\n    assert {}\n"


def test_a_first_deployment_to_an_empty_target_is_kept_and_a_second_has_nothing_to_do(each_project):
    each_project.write("gates/sandbox/test_users.py", GATE)
    first = each_project.deploy()
    assert (first.status, first.report["outcome"]) == (0, "deployed")
    assert each_project.sql("select count(*) from users") == [(100,)]
    assert each_project.sql("select id, state from dbdeploy.deployments") == [(first.id, "kept")]
    second = each_project.deploy()
    assert (second.status, second.report["outcome"]) == (0, "nothing_to_deploy")


def test_a_change_to_a_filled_target_is_cloned_rehearsed_and_deployed_with_evidence(any_project):
    any_project.deploy()
    any_project.migration("0002_phone", "alter table users add column phone text;\n")
    result = any_project.deploy("-n", "2")
    assert result.status == 0
    (evidence,) = result.report["evidence"]
    assert evidence["file"] == "migrations/0002_phone.sql"
    assert {"relation": "public.users", "mode": "AccessExclusiveLock", "named": True} in evidence["locks"]
    assert [(c["kind"], c["change"], c["object"]) for c in result.report["changes"]] == [
        ("column", "added", "public.users.phone")
    ]
    assert result.report["rollback"]["rehearsed"] is True


def test_a_dry_run_writes_nothing_to_the_target(project):
    result = project.deploy("--dbdeploy-dry-run")
    assert (result.status, result.report["outcome"]) == (0, "dry_run")
    assert project.sql("select count(*) from pg_class where relnamespace = 'public'::regnamespace") == [(0,)]
    assert project.sql("select count(*) from pg_namespace where nspname = 'dbdeploy'") == [(0,)]


@pytest.mark.parametrize("workers", ["0", pytest.param("2", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("migration", "gate"),
    [
        ("drop table orders;", "test_rule[table-removed]"),
        ("alter table users drop column legacy;", "test_rule[column-removed]"),
        ("alter tabel users add x int;", "test_migrations_apply"),
        ("alter table orders add constraint big check (total > 50);", "test_migrations_apply"),
    ],
)
def test_a_bad_migration_is_refused_and_the_target_is_untouched(deployed, migration, gate, workers):
    before = deployed.sql("select count(*), sum(total) from orders")
    deployed.migration("0002_bad", migration)
    result = deployed.deploy("-n", workers)
    assert (result.status, result.report["outcome"]) == (10, "aborted")
    assert result.gate(gate)["outcome"] == "failed"
    assert deployed.sql("select count(*), sum(total) from orders") == before
    assert deployed.sql("select count(*) from dbdeploy.deployments") == [(1,)]


@pytest.mark.parametrize("workers", ["0", pytest.param("2", marks=pytest.mark.slow)])
def test_a_failing_post_deploy_gate_rolls_back_and_every_row_is_back(each_project, workers):
    each_project.deploy()
    each_project.migration(
        "0002_change",
        "alter table users add phone text; update users set name = upper(name); create table extra (i int);",
    )
    each_project.write("gates/postdeploy/test_no.py", POST_GATE.format("False"))
    result = each_project.deploy("-n", workers)
    assert (result.status, result.report["outcome"]) == (11, "rolled_back")
    assert result.report["rollback"]["verified"] is True
    assert each_project.sql("select name from users where id = 1") == [("user 1",)]
    assert each_project.sql("select to_regclass('extra')::text") == [(None,)]
    assert each_project.sql("select count(*) from dbdeploy.schema_migrations") == [(1,)]
    assert each_project.sql("select state from dbdeploy.deployments order by started desc limit 1") == [
        ("rolled_back",)
    ]
    again = each_project.deploy("--dbdeploy-dry-run")
    assert again.status == 0, "the target can be deployed to again"


def test_a_rollback_by_id_brings_the_earlier_state_back(each_project):
    first = each_project.deploy()
    each_project.migration(
        "0002_change", "alter table users drop column legacy; update users set name = 'gone';"
    )
    each_project.write("dbdeploy.yaml", "environments: {dev: {policy: {column-removed: ignore}}}\n")
    second = each_project.deploy()
    assert second.status == 0
    back = each_project.run(f"--dbdeploy-rollback={second.id}")
    assert (back.status, back.report["outcome"], back.report["mode"]) == (
        0,
        "rolled_back_on_request",
        "rollback",
    )
    assert each_project.sql("select name, legacy from users where id = 7") == [("user 7", "x")]
    assert each_project.run(f"--dbdeploy-rollback={second.id}").status == 4
    older = each_project.run("--dbdeploy-env=dev", "--dbdeploy-rollback=last")
    assert older.status == 4, "the newest deployment is rolled back already"
    assert each_project.run(f"--dbdeploy-rollback={first.id}").status == 0
    assert each_project.sql("select to_regclass('users')::text") == [(None,)]


def test_rows_that_users_write_meanwhile_are_counted_and_dumped_before_a_restore(deployed):
    deployed.migration("0002_change", "alter table users add phone text;")
    deployed.write("dbdeploy.yaml", "environments: {dev: {}}\nrollback: {strategies: [restore]}\n")
    result = deployed.deploy()
    deployed.sql("insert into users (id, name) values (500, 'a'), (501, 'b')")
    back = deployed.run(f"--dbdeploy-rollback={result.id}")
    assert back.status == 0
    written = back.report["rollback"]["rowsWrittenSinceBackup"]
    assert written == {"count": 2, "exact": True, "tables": {"public.users": 2}}
    assert (back.folder / "failed.dump").exists()


def test_where_writes_may_not_be_lost_those_to_untouched_tables_are_no_reason_to_stop(deployed):
    deployed.migration("0002_change", "alter table users add phone text;")
    deployed.write(
        "dbdeploy.yaml",
        "environments: {dev: {}}\nrollback: {strategies: [restore], if_restore_loses_writes: stop}\n",
    )
    result = deployed.deploy()
    deployed.sql("insert into orders values (500, 1, 1)")
    back = deployed.run(f"--dbdeploy-rollback={result.id}")
    assert (back.status, back.report["outcome"]) == (0, "rolled_back_on_request")
    assert back.report["rollback"]["rowsWrittenSinceBackup"]["count"] == 0
    assert deployed.sql("select count(*) from orders where id = 500") == [(1,)]


def test_a_gate_that_fails_as_a_warning_does_not_stop_the_deployment(project):
    project.write(
        "gates/sandbox/test_w.py",
        "import pytest\n@pytest.mark.dbdeploy(severity='warn')\ndef test_w():\n    assert 0, 'careful'\n",
    )
    result = project.deploy()
    assert result.status == 0
    assert result.gate("test_w.py")["outcome"] == "warned"


def test_a_skipped_gate_is_not_verified(project):
    project.write("gates/preflight/test_s.py", "import pytest\ndef test_s():\n    pytest.skip('later')\n")
    result = project.deploy()
    assert (result.status, result.report["decision"]["verdict"]) == (10, "incomplete")
    assert project.sql("select count(*) from pg_namespace where nspname = 'dbdeploy'") == [(0,)]


def test_an_unreachable_target_is_a_failed_gate_with_reports(project):
    project.url = type(project.url).parse("postgresql://nobody:geheim-geheim@127.0.0.1:1/none", name="dev")
    result = project.deploy()
    assert result.status == 10
    assert result.gate("test_target_is_reachable")["outcome"] == "failed"
    assert "geheim" not in result.output
    assert "Traceback" not in result.output


def test_a_wrong_password_is_a_failed_gate_and_is_told_nowhere(project):
    text = project.url.reveal().replace(project.url.password.reveal(), "falsch-falsch")
    project.url = type(project.url).parse(text, name="dev")
    result = project.deploy("-n", "2")
    assert result.status == 10
    assert "password authentication failed" in result.gate("test_target_is_reachable")["message"]
    everything = result.output + "".join(
        p.read_text(errors="replace") for p in result.folder.rglob("*") if p.is_file()
    )
    assert "falsch-falsch" not in everything


def test_junit_and_report_are_the_same_with_and_without_workers(project):
    results = [project.deploy("--dbdeploy-dry-run", "-n", workers) for workers in ("0", "2")]
    assert results[0].junit() == results[1].junit()
    gates = [sorted((g["nodeid"], g["outcome"]) for g in r.report["gates"]) for r in results]
    assert gates[0] == gates[1]
    assert ("dbdeploy", "decision") in results[0].junit()


def test_no_artifact_holds_the_password(deployed):
    deployed.migration("0002_change", "alter table users add phone text;")
    deployed.write("gates/postdeploy/test_no.py", POST_GATE.format("False"))
    result = deployed.deploy("-n", "2", "--junitxml=out.xml", "-vv")
    assert result.status == 11
    password = deployed.url.password.reveal()
    assert password not in result.output
    for path in [*deployed.artifacts.rglob("*"), deployed.root / "out.xml"]:
        if path.is_file():
            assert password.encode() not in path.read_bytes(), path
