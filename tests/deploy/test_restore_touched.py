"""A rollback by restore puts back what the deployment touched; all else, and what is written to it meanwhile, stays."""

from __future__ import annotations

import json
import subprocess
import threading

import psycopg
import pytest

from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.tools import tools_for

ADD_PHONE = "alter table users add column phone text not null default '-';\n"
WRITES_AND_FAILS = """import psycopg, os
def test_it(dbdeploy_target):
    with psycopg.connect(os.environ["DEV_POSTGRES_URL"], autocommit=True) as conn:
        {statements}
    assert False, "the new version does not work"
"""


class Writers:
    """Clients that insert into tables all the while; what they were told is committed is counted."""

    def __init__(self, url, tables):
        self.written = dict.fromkeys(tables, 0)
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self._write, args=(url, table)) for table in tables]

    def _write(self, url, table):
        with connect(url, purpose="a user", autocommit=True) as conn:
            while not self.ended.wait(0.005):
                try:
                    conn.execute(f"insert into {table} (note) values ('by a user')")
                except (
                    psycopg.errors.OperationalError
                ):  # a lock timeout or deadlock: told so, it was not committed
                    continue
                self.written[table] += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()


@pytest.fixture
def shop(deployed):
    """Beside ``users`` and ``orders``: ``visits``, which refers to users, and ``searches``, which refers to nothing."""
    deployed.sql(
        "create table visits (id bigint generated always as identity primary key, user_id int references users default 1, note text)"
    )
    deployed.sql("create table searches (id bigint generated always as identity primary key, note text)")
    deployed.sql("create view seen as select u.name, v.note from users u join visits v on v.user_id = u.id")
    settings(deployed, "discard")
    return deployed


def settings(project, loses_writes):
    project.write(
        "dbdeploy.yaml",
        f"environments: {{dev: {{}}}}\nrollback: {{strategies: [restore], if_restore_loses_writes: {loses_writes}}}\n",
    )


def schema(project):
    """What pg_dump says of it, without what is random."""
    tools = tools_for(17)
    done = subprocess.run(
        [tools.path("pg_dump"), "--schema-only", "--exclude-schema=dbdeploy"],
        env={**project.environ(), **tools.environ(), **project.url.tool_env()},
        capture_output=True,
        text=True,
        check=True,
    )
    return [line for line in done.stdout.splitlines() if "restrict" not in line]


def gone_wrong(project, *statements):
    lines = "; ".join(f"conn.execute({statement!r})" for statement in statements) or "pass"
    project.write("gates/postdeploy/test_it.py", WRITES_AND_FAILS.format(statements=lines))


def test_only_the_touched_table_is_restored_while_others_are_written_to(shop):
    before = schema(shop)
    shop.migration("0002_phone", ADD_PHONE)
    gone_wrong(shop, *(f"insert into users (id, name) values ({i}, 'new')" for i in range(1001, 1008)))
    with Writers(shop.url, ["visits", "searches"]) as writers:
        result = shop.deploy("-n", "2")
    assert result.ended == (11, "rolled_back")
    assert min(writers.written.values()) > 10
    for table, written in writers.written.items():
        assert shop.sql(f"select count(*) from {table}") == [(written,)], table
    assert shop.sql("select count(*), max(id) from users") == [(100, 100)]
    assert schema(shop) == before
    rollback = result.report["rollback"]
    assert (rollback["strategy"], rollback["rehearsed"], rollback["verified"]) == ("restore", True, True)
    assert rollback["rowsWrittenSinceBackup"] == {"count": 7, "exact": True, "tables": {"public.users": 7}}
    kept = replaced(shop, result)
    assert all(f"{i}\tnew" in kept for i in range(1001, 1008))
    assert "visits" not in kept
    assert result.json("rollback-state.json")["touched"]["objects"] == [
        ["column", "public.users.phone", "public.users"]
    ]
    assert shop.states()[result.id] == "rolled_back"
    shop.write("gates/postdeploy/test_it.py", "")
    assert shop.deploy().ended == (0, "deployed"), "the way is free"


def test_every_row_that_a_user_was_told_is_committed_is_in_the_target_or_counted_and_in_the_dump(shop):
    shop.migration("0002_engine", "alter table searches add engine text;\n")
    gone_wrong(shop)
    with Writers(shop.url, ["searches", "visits"]) as writers:
        result = shop.deploy()
    assert result.ended == (11, "rolled_back")
    written = result.report["rollback"]["rowsWrittenSinceBackup"]
    assert written["exact"] is True
    assert list(written["tables"]) == ["public.searches"]
    ((left,),) = shop.sql("select count(*) from searches")
    assert written["count"] > 0
    assert writers.written["searches"] == written["count"] + left
    assert replaced(shop, result).count("by a user") == writers.written["searches"] - (
        left - before_backup(result)
    )
    assert shop.sql("select count(*) from visits") == [(writers.written["visits"],)]


def before_backup(result):
    """Rows of ``searches`` in the backup, as the journal has them."""
    lines = (result.folder / "journal.jsonl").read_text().splitlines()
    (event,) = [json.loads(line) for line in lines if '"event":"backup"' in line.replace(": ", ":")]
    return event["rows"]["public.searches"]


def replaced(project, result):
    """The rows in failed.dump."""
    tools = tools_for(17)
    return subprocess.run(
        [tools.path("pg_restore"), "--data-only", "-f", "-", result.folder / "failed.dump"],
        env=project.environ(**tools.environ()),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_rows_that_a_rollback_would_lose_stop_it_before_harm_and_a_person_may_go_on(shop):
    settings(shop, "stop")
    shop.migration("0002_phone", ADD_PHONE + "update users set name = upper(name);\n")
    gone_wrong(
        shop,
        "insert into users (id, name) values (1001, 'new'), (1002, 'new')",
        "delete from users where id = 1001",
    )
    result = shop.deploy()
    assert result.ended == (12, "rollback_failed")
    written = result.report["rollback"]["rowsWrittenSinceBackup"]
    assert written["tables"] == {"public.users": 1}
    assert "1 row written by others since the backup: public.users" in " ".join(result.output.split())
    assert "migrated; NOTHING was put back" in result.report["whatStandsWhere"][0]
    assert shop.sql("select count(*), count(phone), max(name) from users") == [(101, 101, "new")], (
        "nothing was done"
    )
    again = shop.run(f"--dbdeploy-rollback={result.id}")
    assert again.ended == (12, "rollback_failed"), "the writes are still there"
    (command,) = result.report["nextCommands"]
    assert command in " ".join(again.output.split())
    back = shop.run(*command.split()[1:])  # as it is printed
    assert back.ended == (0, "rolled_back_on_request")
    assert back.gate("test_rows_are_as_they_were")["outcome"] == "passed"
    assert shop.sql("select count(*), max(name) from users") == [(100, "user 99")]
    assert (back.folder / "failed.dump").stat().st_mode & 0o777 == 0o600


def test_a_row_that_is_written_right_before_the_migration_writes_over_it_is_counted(shop):
    shop.write(
        "dbdeploy.yaml",
        "environments: {dev: {}}\ntimeouts: {lock: 60s}\nrollback: {strategies: [restore], if_restore_loses_writes: discard}\n",
    )
    shop.migration("0002_upper", "update users set name = upper(name);\n")
    gone_wrong(shop)
    with shop.holding("update users set name = 'theirs' where id = 7") as holder:
        run = shop.start("--dbdeploy-env=dev")
        run.until(lambda: shop.waiting("deploy"))
        holder.commit()
        result = run.result()
    assert result.ended == (11, "rolled_back"), result.output
    written = result.report["rollback"]["rowsWrittenSinceBackup"]
    assert written == {"count": 1, "exact": False, "tables": {"public.users": 1}}
    assert replaced(shop, result).count("THEIRS") == 1
    assert shop.sql("select count(*) from users where name = upper(name)") == [(0,)]


def test_a_deployment_is_refused_whose_way_back_would_lose_what_is_being_written(shop):
    settings(shop, "stop")
    shop.migration("0002_searches", "alter table searches add engine text;\n")
    with Writers(shop.url, ["searches", "visits"]):
        refused = shop.deploy()
    assert refused.ended == (10, "aborted")
    message = refused.gate("test_way_back_loses_no_rows_of_users")["message"]
    assert "public.searches" in message
    assert "public.visits" not in message
    with Writers(shop.url, ["visits"]):
        assert shop.deploy().ended == (0, "deployed"), "nobody writes to what it touches"


def test_rows_elsewhere_that_refer_to_rows_that_go_take_the_whole_database_back_and_are_counted(shop):
    shop.migration("0002_phone", ADD_PHONE)
    gone_wrong(
        shop,
        "insert into users (id, name) values (1001, 'new')",
        "insert into visits (user_id, note) values (1001, 'by the new'), (1, 'by the old')",
    )
    result = shop.deploy()
    assert result.ended == (11, "rolled_back")
    assert result.report["rollback"]["rowsWrittenSinceBackup"] == {
        "count": 3, "exact": True, "tables": {"public.users": 1, "public.visits": 2},
    }  # fmt: skip
    assert "only the whole database can be restored" in result.output
    assert shop.sql("select count(*) from visits") == [(0,)]


def test_a_backup_that_was_changed_is_refused_and_nothing_is_done(shop):
    settings = (shop.root / "dbdeploy.yaml").read_text()
    shop.write("dbdeploy.yaml", f"{settings}backup: {{keep: 1}}\n")
    shop.migration("0002_phone", ADD_PHONE)
    result = shop.deploy()
    assert result.ended == (0, "deployed")
    backup = result.folder / "backup.dump"
    good = backup.read_bytes()
    assert backup.stat().st_mode & 0o777 == 0o600
    content = bytearray(backup.read_bytes())
    content[len(content) // 2] ^= 1
    backup.write_bytes(content)
    back = shop.run(f"--dbdeploy-rollback={result.id}")
    assert back.ended == (12, "rollback_failed")
    assert "checksum differs" in back.output
    assert "as the deployment left it: NOTHING was put back" in " ".join(back.output.split())
    assert shop.sql("select count(phone) from users") == [(100,)]
    backup.unlink()
    assert shop.run(f"--dbdeploy-rollback={result.id}").ended == (12, "rollback_failed")
    backup.write_bytes(good)  # the folder is still there, whatever was tried since
    assert shop.run(f"--dbdeploy-rollback={result.id}").ended == (0, "rolled_back_on_request")
