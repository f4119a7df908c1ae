"""A migration history that is not sound stops a deployment, unless the team accepts what is found: in the file, or by policy."""

from hashlib import sha256

import pytest

LATE = "create table late_one (i int);\n"


@pytest.fixture
def late(deployed):
    """0002 is pending, and 0003 applied."""
    text = "select 1;\n"
    deployed.migration("0003_newer", text)
    deployed.sql(
        "insert into dbdeploy.schema_migrations (number, name, checksum) values (3, '0003_newer', %s)",
        [sha256(text.encode()).hexdigest()],
    )
    deployed.migration("0002_late", LATE)
    return deployed


def configured(project, text):
    path = project.root / "dbdeploy.yaml"
    path.write_text(path.read_text() + text)


def accepting(kind, name, *, until="2999-12-31", migration=None):
    where = f', migration: "{migration}"' if migration else ""
    return f"acknowledge:\n  - {{rule: migration-{kind}, object: {name}, reason: known, until: {until}{where}}}\n"


def test_a_late_migration_stops_before_the_sandbox_and_the_message_says_what_would_become_of_it(late):
    configured(late, accepting("late", "0002_late", until="2020-01-01"))
    result = late.deploy()
    assert result.ended == (10, "aborted")
    gate = result.gate("test_history_is_sound")
    assert gate["outcome"] == "failed"
    assert "once accepted, it is applied as pending, after the newer ones" in gate["message"]
    assert result.gate("test_rule[migration-late]")["outcome"] == "skipped"


@pytest.mark.parametrize("way", ["acknowledge", "comment", "policy"])
def test_an_accepted_late_migration_passes_both_phases_and_is_applied(late, way):
    if way == "comment":
        late.migration("0002_late", f"-- dbdeploy: allow migration-late 0002_late (known)\n{LATE}")
    else:
        configured(
            late,
            accepting("late", "0002_late", migration="0002_*")
            if way == "acknowledge"
            else "policy: {migration-late: warn}\n",
        )
    result = late.deploy()
    assert result.ended == (0, "deployed")
    assert late.sql("select to_regclass('late_one')::text") == [("late_one",)]
    assert result.gate("test_history_is_sound")["outcome"] == "passed"
    accepted = "warned" if way == "policy" else "passed"
    assert result.gate("test_rule[migration-late]")["outcome"] == accepted
    assert result.gate("test_acknowledgements_acknowledge_something")["outcome"] == "passed"
    assert "applied as pending, after the newer ones" in " ".join(result.output.split())


@pytest.mark.parametrize("kind", ["edited", pytest.param("missing", marks=pytest.mark.slow)])
def test_an_edited_or_missing_migration_stops_until_it_is_acknowledged_and_stays_as_it_is(deployed, kind):
    if kind == "edited":
        deployed.migration("0001_init", "create table another (i int);\n")
    else:
        (deployed.root / "migrations/0001_init.sql").unlink()
    deployed.migration("0002_more", "create table more (i int);\n")
    refused = deployed.deploy()
    assert refused.ended == (10, "aborted")
    assert f"migration-{kind}: " in refused.gate("test_history_is_sound")["message"]
    configured(deployed, accepting(kind, "0001_init"))
    result = deployed.deploy()
    assert result.ended == (0, "deployed")
    assert deployed.sql("select to_regclass('another')::text, to_regclass('more')::text") == [(None, "more")]
    assert deployed.sql("select count(*) from users") == [(100,)]
    assert deployed.deploy().ended == (0, "nothing_to_deploy")
