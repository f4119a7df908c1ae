"""The JSON Schema that editors use agrees with what is read."""

import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from pytest_dbdeploy.cli import main
from pytest_dbdeploy.config.document import read_document
from pytest_dbdeploy.config.models import ConfigFile
from pytest_dbdeploy.config.reading import read_configuration
from pytest_dbdeploy.config.schema import config_schema
from pytest_dbdeploy.config.units import parse_duration, parse_size, show_duration, show_size
from pytest_dbdeploy.invocation import Sourced

REPOSITORY = Path(__file__).parents[2]

# As the interface documents it: every key, with its default.
EVERY_KEY = """
environments:
  dev:
    database: ${DEV_POSTGRES_URL}
    app_url: ${DEV_URL:-}
    health: {path: /api/health, expect_status: 200, headers: {}, timeout: 60s, interval: 2s, stable_for: 0s}
    branch: null
    protected: false
    read_only: false
    promote_from: null
    policy: {}
migrations: {layout: auto, path: null, history: null}
sandbox: {provider: auto, data: full, max_size: 20GB, url: null, image: null}
gates: {paths: [gates], require: []}
policy: {table-removed: block, column-removed: block}
thresholds: {lock_seconds: 1, lock_rows: 10000}
acknowledge:
  - {rule: column-removed, object: public.users.legacy, migration: "0007_*", reason: unused since 2.3, until: 2027-01-31}
compare: {schemas: null, ignore: [{kind: column, property: position, object: "public.*"}], rows: count, foreign_keys: [{from: public.orders.user_id, to: public.users.id}], equality: value, transport: auto}
backup: {keep: 5, max_age: 30d, jobs: 2, directory: null}
rollback: {auto: true, strategies: [undo, restore], if_restore_loses_writes: null, keep_aside_max: 200MB}
release: {order: database-first, git: {remote: origin, strategy: merge, undo: restore}, vercel: {project: null, team: null, token: ${VERCEL_TOKEN:-}, timeout: 10m}}
timeouts: {connect: 10s, lock: 1s, lock_retries: 20, statement: null}
alerts: {slack: ${SLACK_WEBHOOK_URL:-}, webhook: {url: ${ALERT_WEBHOOK_URL:-}, secret: ${ALERT_WEBHOOK_SECRET:-}}, email: {to: ${ALERT_EMAIL:-}, from: null, tls: starttls}, on: [success, failure]}
log: {level: INFO, table: true}
reports: {samples: keys}
state: {schema: dbdeploy}
"""  # fmt: skip


class _EditorLoader(yaml.SafeLoader):
    """YAML 1.2, as editors read it: ``on`` is a key, a date is a text."""


_EditorLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if not tag.endswith((":bool", ":timestamp"))]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_EditorLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(?:true|false)\Z"), list("tf"))


def problems(text):
    quoted = re.sub(r"(?<!')(\$\{[^}]*\})", r"'\1'", text)
    return [
        error.message
        for error in Draft202012Validator(config_schema()).iter_errors(yaml.load(quoted, _EditorLoader))
    ]


def test_the_schema_is_a_valid_json_schema():
    Draft202012Validator.check_schema(config_schema())


def test_every_documented_key_is_valid(tmp_path):
    assert problems(EVERY_KEY) == []
    path = tmp_path / "dbdeploy.yaml"
    path.write_text(EVERY_KEY)
    read = read_configuration(tmp_path, Sourced(None, "default"), {}, lambda path: path[0] != "environments")
    assert read.content.acknowledge[0].reason == "unused since 2.3"
    defaults = ConfigFile()
    for name in (
        "sandbox",
        "gates",
        "thresholds",
        "backup",
        "rollback",
        "release",
        "timeouts",
        "alerts",
        "log",
        "reports",
        "state",
    ):
        assert getattr(read.content, name) == getattr(defaults, name), (
            f"{name}: the documented defaults are the real ones"
        )


def test_the_files_of_the_examples_are_valid():
    files = sorted(REPOSITORY.glob("examples/*/dbdeploy.yaml"))
    for path in files:
        assert problems(path.read_text()) == []
        assert read_document(path, path.name).value
    if not files:
        pytest.skip("there is no example with a dbdeploy.yaml yet")


def test_the_yaml_in_the_documentation_is_valid_and_names_every_key():
    page = (REPOSITORY / "docs" / "configuration.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert blocks
    for block in blocks:
        assert problems(block) == []
    for name, section in config_schema()["$defs"].items():
        for key in section.get("properties", ()):
            assert re.search(rf"\b{key}:", page) or f"`{key}`" in page, f"{name}.{key} is documented"


@pytest.mark.parametrize(
    "text",
    [
        "backup: {keep: ${KEEP}}",
        "log: {table: ${TABLE:-true}, level: ${LEVEL:-INFO}}",
        "policy: {table-removed: ${WHAT:-warn}}",
        "backup: {max_age: ${AGE}, keep: null}",
        "gates: null",
        "alerts: {email: {to: [a@example.org, b@example.org]}}",
        "timeouts: {lock: 1500ms, statement: 0}",
    ],
)
def test_variables_and_null_may_stand_for_any_value(text):
    assert problems(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "backup: {kepe: 5}",
        "backup: {keep: five}",
        "backup: {max_age: 30}",
        "log: {table: maybe}",
        "policy: {table-removd: block}",
        "policy: {table-removed: blok}",
        "environments: {dev: {helth: {}}}",
        "gates: {paths: gates}",
    ],
)
def test_what_is_refused_when_read_is_refused_by_the_schema(text):
    assert problems(text)


def test_the_command_prints_the_schema(capsys):
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == config_schema()


@pytest.mark.parametrize("artifact", ["report", "schema-comparison"])
def test_the_command_prints_the_schemas_of_artifacts(artifact, capsys):
    assert main(["schema", artifact]) == 0
    printed = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(printed)
    assert printed["title"].startswith(f"{artifact}.json")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1500ms", 1.5),
        ("60s", 60),
        ("1.5h", 5400),
        ("10 m", 600),
        ("30d", 2592000),
        ("2w", 1209600),
        ("0", 0),
    ],
)
def test_durations_have_units(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("20GB", 20 * 1024**3),
        ("200MB", 200 * 1024**2),
        ("500kB", 512000),
        ("1.5GiB", 1610612736),
        ("12 B", 12),
        ("0", 0),
    ],
)
def test_sizes_have_units_as_postgresql_writes_them(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1x", "1e3s", "inf", "1 0s", "٣s"])
def test_other_texts_are_neither_durations_nor_sizes(text):
    for parse in (parse_duration, parse_size):
        with pytest.raises(ValueError, match="must be a number with its unit"):
            parse(text)


def test_defaults_are_shown_as_they_are_written():
    assert [show_duration(seconds) for seconds in (0.0, 0.5, 1.0, 90.0, 600.0, 2592000.0)] == [
        "0s",
        "500ms",
        "1s",
        "90s",
        "10m",
        "30d",
    ]
    assert [show_size(size) for size in (0, 1000, 512000, 200 * 1024**2, 20 * 1024**3)] == [
        "0B",
        "1000B",
        "500kB",
        "200MB",
        "20GB",
    ]
