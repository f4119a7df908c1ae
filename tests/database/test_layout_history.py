"""What a history table says of the files, and commands that apply migrations themselves, on a real server."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.errors import LayoutError, ToolError
from pytest_dbdeploy.layouts.base import LayoutRequest
from pytest_dbdeploy.layouts.command import LAYOUT as COMMAND
from pytest_dbdeploy.layouts.command import run_command
from pytest_dbdeploy.layouts.drizzle import LAYOUT as DRIZZLE
from pytest_dbdeploy.layouts.sql import LAYOUT as SQL
from tests.servers import execute, fetch


class SqlFiles:
    """``set`` rewrites the folder's files."""

    def __init__(self, root):
        self.root = root
        (root / "sql").mkdir()

    def set(self, **texts):
        for path in self.root.glob("sql/*.sql"):
            path.unlink()
        for name, text in texts.items():
            (self.root / f"sql/{name}.sql").write_text(text)

    @property
    def reader(self):
        return SQL.open(LayoutRequest(self.root, "sql"))


class Journal(SqlFiles):
    """``when`` of the entry is the number that the name begins with, unless ``when`` says otherwise."""

    def set(self, *, when=(), **texts):
        super().set(**texts)
        (self.root / "sql/meta").mkdir(exist_ok=True)
        entries = []
        for name in texts:
            moment = dict(when).get(name, int(name.split("_")[0]) * 1000)
            entries.append(
                {"idx": len(entries), "version": "7", "when": moment, "tag": name, "breakpoints": True}
            )
        journal = {"version": "7", "dialect": "postgresql", "entries": entries}
        (self.root / "sql/meta/_journal.json").write_text(json.dumps(journal))

    @property
    def reader(self):
        return DRIZZLE.open(LayoutRequest(self.root, "sql"))


@pytest.fixture(params=[SqlFiles, Journal], ids=["sql", "drizzle"])
def files(request, tmp_path):
    return request.param(tmp_path)


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path)


@pytest.fixture
def url(postgres17):
    return postgres17.fresh_database()


def read(files, url):
    with connect(url, purpose="test", read_only=True) as conn:
        return files.reader.history(conn, files.reader.migrations())


def apply(files, url):
    with connect(url, purpose="test") as conn:
        files.reader.ensure_history(conn)
        for migration in files.reader.history(conn, files.reader.migrations()).pending:
            for statement in migration.statements:
                conn.execute(statement.sql)
            files.reader.record(conn, migration)


def problems(files, url, *, blocking=True):
    return [(p.kind, p.migration) for p in read(files, url).problems if p.blocking or not blocking]


def test_without_a_table_everything_is_pending(files, url):
    files.set(**{"1_a": "create table a ()", "2_b": "create table b ()"})
    history = read(files, url)
    assert [m.name for m in history.pending] == ["1_a", "2_b"]
    assert (history.exists, history.applied, history.rows, history.problems) == (False, (), (), ())


def test_what_was_applied_and_recorded_is_no_longer_pending(files, url):
    files.set(**{"1_a": "create table a ()", "2_b": "create table b ()"})
    apply(files, url)
    history = read(files, url)
    assert (history.exists, history.applied, history.pending, history.problems) == (
        True,
        ("1_a", "2_b"),
        (),
        (),
    )
    assert len(history.rows) == 2


def test_history_and_migration_go_together_when_the_transaction_is_undone(files, url):
    files.set(**{"1_a": "create table a ()", "2_b": "create table a ()"})
    with pytest.raises(Exception, match="already exists"):
        apply(files, url)
    assert not read(files, url).exists


def test_an_edited_file_is_a_problem(files, url):
    files.set(**{"1_a": "create table a ()"})
    apply(files, url)
    files.set(**{"1_a": "create table a (b int)"})
    assert problems(files, url) == [("edited", "1_a")]


def test_other_line_ends_are_no_edit(files, url):
    files.set(**{"1_a": "create table a (\n);\n"})
    apply(files, url)
    (files.root / "sql/1_a.sql").write_bytes(b"create table a (\r\n);\r\n")
    assert problems(files, url, blocking=False) == []


def test_a_row_without_its_file_is_a_problem(files, url):
    files.set(**{"1_a": "create table a ()", "2_b": "create table b ()"})
    apply(files, url)
    files.set(**{"1_a": "create table a ()"})
    assert [kind for kind, _ in problems(files, url)] == ["missing"]


def test_a_late_migration_is_pending_and_a_problem(files, url):
    files.set(**{"1_a": "", "3_c": ""})
    apply(files, url)
    files.set(**{"1_a": "", "2_b": "", "3_c": ""})
    assert [m.name for m in read(files, url).pending] == ["2_b"]
    assert problems(files, url) == [("late", "2_b")]


def test_a_number_that_two_files_have_is_a_problem(tmp_path, url):
    files = SqlFiles(tmp_path)
    files.set(**{"1_a": "", "01_b": ""})
    assert [kind for kind, _ in problems(files, url)] == ["duplicate"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("select 1;\n\\i other.sql\n", "sql/1_a.sql:2: \\i "),
        ("\n\n\\copy t from 'f'\n", "sql/1_a.sql:3: \\copy "),
        ("select 'x' \\gexec\n", "sql/1_a.sql:1: \\gexec "),
    ],
)
def test_what_no_server_takes_blocks_while_it_is_pending(files, url, text, place):
    files.set(**{"1_a": text})
    (problem,) = read(files, url).problems
    assert problem.blocking
    assert problem.message.startswith(place)
    assert problem.hint
    apply_rows_only(files, url)
    assert read(files, url).problems == ()


def apply_rows_only(files, url):
    with connect(url, purpose="test") as conn:
        files.reader.ensure_history(conn)
        for migration in files.reader.migrations():
            files.reader.record(conn, migration)


def test_commands_that_change_only_what_psql_prints_are_left_out(tmp_path, url):
    files = SqlFiles(tmp_path)
    files.set(
        **{"1_a": "\\set ON_ERROR_STOP on\n\\echo hello\n\\restrict x\ncreate table a ();\n\\unrestrict x\n"}
    )
    apply(files, url)
    assert problems(files, url, blocking=False) == []


def test_forgotten_rows_are_pending_again(files, url):
    files.set(**{"1_a": "", "2_b": ""})
    apply(files, url)
    with connect(url, purpose="test") as conn:
        files.reader.forget(conn, ("2_b", "unknown"))
    assert [m.name for m in read(files, url).pending] == ["2_b"]


def test_a_table_of_another_tool_is_not_taken_for_the_history(files, url):
    files.set(**{"1_a": ""})
    schema, table = files.reader.history_relations[0].split(".")
    execute(url, f"create schema {schema}; create table {schema}.{table} (version int)")
    with pytest.raises(LayoutError, match="has no column"):
        read(files, url)


def test_the_history_is_made_by_a_role_that_may_not_create_schemas_when_the_schema_is_there(
    files, postgres17
):
    files.set(**{"1_a": "create table public.a ()"})
    schema = files.reader.history_relations[0].split(".")[0]
    owner = postgres17.role()
    database = postgres17.fresh_database()
    execute(
        database,
        f"create schema {schema} authorization {owner.user}; grant create on schema public to public",
    )
    apply(files, owner.with_dbname(database.dbname))


def test_an_entry_whose_file_is_gone_is_a_problem(journal, url):
    journal.set(**{"1_a": "", "2_b": ""})
    (journal.root / "sql/2_b.sql").unlink()
    assert problems(journal, url) == [("missing", "2_b")]


def test_a_file_without_an_entry_is_a_warning(journal, url):
    journal.set(**{"1_a": ""})
    (journal.root / "sql/2_b.sql").write_text("")
    assert problems(journal, url) == []
    assert problems(journal, url, blocking=False) == [("missing", "2_b")]


def test_a_journal_out_of_order_is_a_warning_as_long_as_nothing_is_skipped(journal, url):
    journal.set(when={"2_b": 500}, **{"1_a": "", "2_b": ""})
    assert problems(journal, url) == []
    assert problems(journal, url, blocking=False) == [("late", "2_b")]
    apply(journal, url)
    assert problems(journal, url, blocking=False) == []


def test_a_time_that_was_changed_after_applying_would_run_it_again(journal, url):
    journal.set(**{"1_a": "create table a ()"})
    apply(journal, url)
    journal.set(when={"1_a": 9000}, **{"1_a": "create table a ()"})
    assert read(journal, url).pending == ()
    assert problems(journal, url) == [("edited", "1_a")]


def test_a_time_that_a_migration_shares_with_an_applied_one_loses_it(journal, url):
    journal.set(**{"1_a": "create table a ()"})
    apply(journal, url)
    journal.set(when={"2_b": 1000}, **{"1_a": "create table a ()", "2_b": "create table b ()"})
    assert problems(journal, url) == [("duplicate", "2_b"), ("late", "2_b")]


def test_a_command_gets_the_database_in_its_environment(url, tmp_path):
    psql = "psql -XAtc 'select current_database()'"
    result = run_command(f'{psql}; {psql} "$DATABASE_URL"', url, tmp_path)
    assert result.output.split() == [url.dbname, url.dbname]
    assert run_command("pwd", url, tmp_path).output == str(tmp_path)


def test_a_command_that_fails_shows_its_last_lines_and_no_password(postgres17, tmp_path):
    role = postgres17.role()
    with pytest.raises(ToolError) as error:
        run_command('seq 1 30; echo "$DATABASE_URL $PGPASSWORD"; exit 3', role, tmp_path)
    message = str(error.value)
    assert "exit status 3" in message
    assert "\n12\n" in message
    assert "\n11\n" not in message
    assert role.password.reveal() not in message


def test_rows_of_a_commands_history_are_read(url, tmp_path):
    reader = COMMAND.open(LayoutRequest(tmp_path, apply="true", history="version"))
    with connect(url, purpose="test") as conn:
        assert not reader.history(conn, ()).exists
        conn.execute("create table version (v text); insert into version values ('abc')")
        assert reader.history(conn, ()).rows == (("(abc)",),)


def test_an_interrupted_command_ends_with_all_that_it_started(url, tmp_path):
    """Ctrl-C in a session of its own; the command's grandchild must be gone afterwards."""
    program = (
        "import sys; from pathlib import Path\n"
        "from pytest_dbdeploy.db.url import DatabaseUrl\n"
        "from pytest_dbdeploy.layouts.command import run_command\n"
        "run_command('sleep 600 & echo $! > started; wait', DatabaseUrl.parse('postgresql://u@h/d', name='x'), Path(sys.argv[1]))\n"
    )
    session = subprocess.Popen([sys.executable, "-c", program, tmp_path], stderr=subprocess.DEVNULL)
    started = tmp_path / "started"
    wait_until(lambda: started.exists() and started.read_text().strip())
    session.send_signal(signal.SIGINT)
    session.wait(30)
    wait_until(lambda: not alive(int(started.read_text())))


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return (
        not state.exists() or state.read_text().split(")")[1].split()[0] != "Z"
    )  # not yet collected by init


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_example_shop_is_read_as_drizzle_reads_it(url):
    shop = Path(__file__).parents[2] / "examples/shop"
    reader = DRIZZLE.open(LayoutRequest(shop))
    with connect(url, purpose="test") as conn:
        reader.ensure_history(conn)
        for migration in reader.history(conn, reader.migrations()).pending:
            for statement in migration.statements:
                conn.execute(statement.sql)
            reader.record(conn, migration)
    assert fetch(url, "select count(*) from orders") == [(40000,)]
