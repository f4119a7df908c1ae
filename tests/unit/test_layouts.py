"""Finding and reading migrations on disk; what a history table says of them is in tests/database/test_layout_history.py."""

import json
from dataclasses import dataclass

import pytest

from pytest_dbdeploy.db.script import ScriptMode
from pytest_dbdeploy.errors import LayoutError
from pytest_dbdeploy.layouts import find_layout, layouts
from pytest_dbdeploy.layouts.base import parse


@dataclass(frozen=True)
class Settings:
    layout: str = "auto"
    path: str | None = None
    history: str | None = None
    apply: str | None = None


def journal(folder, *tags, dialect="postgresql"):
    (folder / "meta").mkdir(parents=True, exist_ok=True)
    entries = [
        {"idx": i, "version": "7", "when": 1000 + i, "tag": t, "breakpoints": True}
        for i, t in enumerate(tags)
    ]
    (folder / "meta/_journal.json").write_text(
        json.dumps({"version": "7", "dialect": dialect, "entries": entries})
    )
    for tag in tags:
        (folder / f"{tag}.sql").write_text("SELECT 1;--> statement-breakpoint\nSELECT 2;")


def folders(folder, *names):
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "migration.sql").write_text('CREATE TABLE "a" ();')
        (folder / name / "snapshot.json").write_text("{}")


def files(folder, **texts):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.sql").write_text(text)


def refused(tmp_path, **settings):
    with pytest.raises(LayoutError) as error:
        find_layout(Settings(**settings), tmp_path).migrations()
    return str(error.value)


def test_each_layout_is_a_file_here():
    assert set(layouts()) == {"drizzle", "sql", "command"}


def test_a_journal_is_found_by_its_usual_folder(tmp_path):
    journal(tmp_path / "src/db/migrations", "0000_init")
    reader = find_layout(Settings(), tmp_path)
    (migration,) = reader.migrations()
    assert (reader.name, reader.source) == ("drizzle", "src/db/migrations")
    assert migration.name == "0000_init"
    assert migration.file == "src/db/migrations/0000_init.sql"
    assert [(s.sql, s.line) for s in migration.statements] == [("SELECT 1", 1), ("SELECT 2", 2)]
    assert reader.history_relations == ("drizzle.__drizzle_migrations",)


@pytest.mark.parametrize(
    "name", ["drizzle.config.ts", "drizzle.config.mjs", "drizzle.config.js", "drizzle.config.cjs"]
)
def test_the_folder_and_the_table_are_read_from_the_config(tmp_path, name):
    (tmp_path / name).write_text(
        "import { defineConfig } from 'drizzle-kit';\n"
        "// out: './wrong', https://example.com\n/* migrations: {table: 'wrong'} */\n"
        "export default defineConfig({ dialect: 'postgresql', schema: \"./s.ts\",\n"
        "  out: `./database/steps`,\n  dbCredentials: { url: process.env.DATABASE_URL! },\n"
        "  migrations: { table: 'done', schema: 'keeping', prefix: 'timestamp' } });\n"
    )
    journal(tmp_path / "database/steps", "0000_init")
    reader = find_layout(Settings(), tmp_path)
    assert (reader.source, reader.history_relations) == ("database/steps", ("keeping.done",))


def test_a_json_config_is_read_too(tmp_path):
    (tmp_path / "drizzle.config.json").write_text('{"dialect": "postgresql", "out": "./steps"}')
    folders(tmp_path / "steps", "20260102030405_init")
    (migration,) = find_layout(Settings(), tmp_path).migrations()
    assert migration.name == "20260102030405_init"
    assert migration.record["created_at"] == 1767323045000
    assert migration.record["name"] == migration.name


@pytest.mark.parametrize(
    "value", ["process.env.OUT", "`./${place}`", "'./a' + b", "process.env.OUT ?? './drizzle'"]
)
def test_a_computed_folder_asks_for_the_setting(tmp_path, value):
    (tmp_path / "drizzle.config.ts").write_text(f"export default {{ dialect: 'postgresql', out: {value} }};")
    journal(tmp_path / "drizzle", "0000_init")
    message = refused(tmp_path)
    assert "drizzle.config.ts" in message
    assert "migrations.path" in message
    assert find_layout(Settings(path="drizzle"), tmp_path).source == "drizzle"


def test_a_computed_table_asks_for_the_setting(tmp_path):
    (tmp_path / "drizzle.config.ts").write_text(
        "export default { out: './drizzle', migrations: { table: TABLE } };"
    )
    journal(tmp_path / "drizzle", "0000_init")
    assert "migrations.history" in refused(tmp_path)
    assert find_layout(Settings(history="a.b"), tmp_path).history_relations == ("a.b",)


def test_the_setting_of_the_table_beats_the_config(tmp_path):
    (tmp_path / "drizzle.config.ts").write_text("export default { migrations: { table: 'x' } };")
    journal(tmp_path / "drizzle", "0000_init")
    assert find_layout(Settings(history="mine"), tmp_path).history_relations == ("drizzle.mine",)
    assert "a.b.c" in refused(tmp_path, history="a.b.c")


def test_a_named_layout_without_its_folder_says_where_it_looked(tmp_path):
    message = refused(tmp_path, layout="drizzle", path="nowhere")
    assert "nowhere/meta/_journal.json" in message
    assert "nowhere" in refused(tmp_path, layout="sql", path="nowhere")
    assert "nowhere" in refused(tmp_path, path="nowhere")


def test_nothing_found_lists_where_each_layout_looked(tmp_path):
    message = refused(tmp_path)
    assert "drizzle.config.ts" in message
    assert "db/migrations/NNNN_name.sql" in message
    assert "migrations.layout" in message


def test_two_kinds_of_migrations_are_ambiguous(tmp_path):
    journal(tmp_path / "drizzle", "0000_init")
    files(tmp_path / "sql", **{"0001_a": "SELECT 1"})
    message = refused(tmp_path)
    assert "drizzle: drizzle" in message
    assert "sql: sql" in message
    assert find_layout(Settings(layout="sql"), tmp_path).name == "sql"


def test_several_folders_of_one_kind_are_ambiguous(tmp_path):
    journal(tmp_path / "drizzle", "0000_init")
    journal(tmp_path / "db/drizzle", "0000_init")
    assert "drizzle, db/drizzle" in refused(tmp_path)


def test_an_unknown_layout_names_the_known_ones(tmp_path):
    assert "drizzle, sql" in refused(tmp_path, layout="prisma")


def test_a_journal_with_the_marks_of_a_merge_conflict_names_the_line(tmp_path):
    journal(tmp_path / "drizzle", "0000_init")
    (tmp_path / "drizzle/meta/_journal.json").write_text('{\n<<<<<<< HEAD\n"entries": []}')
    message = refused(tmp_path)
    assert "drizzle/meta/_journal.json:2" in message
    assert "merge conflict" in message


def test_a_journal_of_another_database_is_refused(tmp_path):
    journal(tmp_path / "drizzle", "0000_init", dialect="mysql")
    assert "'mysql', not postgresql" in refused(tmp_path)


def test_journal_and_folders_together_are_refused_as_drizzle_refuses_them(tmp_path):
    journal(tmp_path / "drizzle", "0000_init")
    folders(tmp_path / "drizzle", "20260102030405_init")
    assert "drizzle-kit up" in refused(tmp_path)


def test_folders_are_in_the_order_of_javascript(tmp_path):
    names = [
        "20260102030405_b",
        "20260102030405_A",
        "20260102030405_a",
        "20260102030405_a_b",
        "20250102030405_z",
    ]
    folders(tmp_path / "drizzle", *names)
    found = [m.name for m in find_layout(Settings(), tmp_path).migrations()]
    # node: names.sort((a, b) => a.localeCompare(b))
    assert found == [
        "20250102030405_z",
        "20260102030405_a",
        "20260102030405_A",
        "20260102030405_a_b",
        "20260102030405_b",
    ]


def test_prisma_folders_are_not_drizzle(tmp_path):
    folders(tmp_path / "migrations", "20260102030405_init")
    (tmp_path / "migrations/20260102030405_init/snapshot.json").unlink()
    assert "no migrations were found" in refused(tmp_path)


def test_the_checksum_is_the_one_that_drizzle_computes(tmp_path):
    journal(tmp_path / "drizzle", "0000_init")
    text = 'CREATE TABLE "User" ("id" INTEGER NOT NULL, CONSTRAINT "User_pkey" PRIMARY KEY ("id"));\n'
    (tmp_path / "drizzle/0000_init.sql").write_text(text)
    (migration,) = find_layout(Settings(), tmp_path).migrations()
    assert migration.checksum == "bd3beed6c7c64995a102ee45d3294e3566bdc1ca392751dd63d1490085248eb1"


def test_all_of_drizzles_migrations_are_one_transaction(tmp_path):
    journal(tmp_path / "drizzle", "0000_a", "0001_b")
    reader = find_layout(Settings(), tmp_path)
    assert [[m.name for m in group] for group in reader.group(reader.migrations())] == [["0000_a", "0001_b"]]
    assert reader.group(()) == []


def test_sql_files_are_in_the_order_of_their_numbers(tmp_path):
    files(tmp_path / "migrations", **{"10_ten": "", "2-two": "", "0001_one.up": "", "0001_one.down": ""})
    (tmp_path / "migrations/README.md").write_text("how to")
    reader = find_layout(Settings(), tmp_path, "state")
    assert [m.name for m in reader.migrations()] == ["0001_one", "2-two", "10_ten"]
    assert reader.history_relations == ("state.schema_migrations",)


def test_a_folder_with_other_sql_is_not_taken_for_migrations(tmp_path):
    files(tmp_path / "sql", **{"0001_a": "", "views": ""})
    assert "no migrations were found" in refused(tmp_path)
    assert [m.name for m in find_layout(Settings(path="sql"), tmp_path).migrations()] == ["0001_a"]


def test_a_file_that_asks_for_no_transaction_stands_alone(tmp_path):
    files(
        tmp_path / "sql",
        **{
            "1_a": "SELECT 1",
            "2_b": "-- dbdeploy: no-transaction\nVACUUM t",
            "3_c": "-- c\nSELECT 1",
            "4_d": "SELECT 1",
        },
    )
    reader = find_layout(Settings(), tmp_path)
    groups = reader.group(reader.migrations())
    assert [[(m.name, m.transaction) for m in group] for group in groups] == [
        [("1_a", True)],
        [("2_b", False)],
        [("3_c", True), ("4_d", True)],
    ]


@pytest.mark.parametrize(
    "text", ["-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;", "-- +goose Up\nSELECT 1;"]
)
def test_files_of_tools_that_hold_both_directions_are_never_run_whole(tmp_path, text):
    files(tmp_path / "migrations", **{"0001_a": text})
    assert "no migrations were found" in refused(tmp_path)
    assert "set migrations.apply to its command" in refused(tmp_path)
    assert "migrations.layout: command" in refused(tmp_path, layout="sql", path="migrations")


def test_a_file_that_is_not_utf8_names_its_line(tmp_path):
    files(tmp_path / "sql", **{"0001_a": ""})
    (tmp_path / "sql/0001_a.sql").write_bytes(b"SELECT 1;\nSELECT '\xe9';")
    assert "sql/0001_a.sql:2" in refused(tmp_path)


def test_a_command_is_chosen_by_being_set(tmp_path):
    files(tmp_path / "sql", **{"0001_a": ""})
    reader = find_layout(Settings(apply="make migrate", history="alembic_version"), tmp_path)
    assert (reader.name, reader.migrations()) == ("command", ())
    assert reader.history_relations == ("public.alembic_version",)
    assert "migrations.apply" in refused(tmp_path, layout="command")


def test_a_layout_of_a_plugin_is_found(tmp_path):
    class Mine:
        name = "mine"

        def detect(self, request):
            return None

        def places(self, request):
            return ("mine.txt",)

        def open(self, request):
            raise LayoutError("mine was opened")

    with pytest.raises(LayoutError, match="mine was opened"):
        find_layout(Settings(layout="mine"), tmp_path, extra=[Mine()])


def test_data_in_the_file_goes_with_its_copy_where_the_tool_is_psql():
    text = "create table t(i int);\ncopy t from stdin;\n1\n2\n\\.\nselect 1;\n"
    statements = parse(text, "1_a.sql", ScriptMode.PSQL, psql=True)
    assert [(s.line, s.data) for s in statements] == [(1, None), (2, "1\n2\n"), (6, None)]
    with pytest.raises(LayoutError, match=r"1_a\.sql:2: COPY"):
        parse(text, "1_a.sql", ScriptMode.DRIZZLE)


def test_a_zero_byte_names_its_line():
    for mode in ScriptMode:
        with pytest.raises(LayoutError, match=r"1_a\.sql:2: there is a zero byte"):
            parse("select 1;\nselect '\0';", "1_a.sql", mode)
