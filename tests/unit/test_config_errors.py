"""Whatever is wrong with the configuration is one clear message: file, line, key, what to do, and never a secret."""

import re

import pytest

from pytest_dbdeploy.config.load import load_settings
from pytest_dbdeploy.config.reading import find_file
from pytest_dbdeploy.errors import ConfigError, LaterError
from pytest_dbdeploy.invocation import Action, Sourced
from pytest_dbdeploy.model import Mode

URL = "postgres://app:hunter22@db.example/shop"


@pytest.fixture
def refused(tmp_path):
    """Loads, expects a ConfigError without the password, and gives its text."""

    def run(
        yaml=None,
        environ=None,
        *,
        mode=Mode.DEPLOY,
        environment="dev",
        compare=(),
        kind=ConfigError,
        deployment=None,
    ):
        if yaml is not None:
            path = tmp_path / "dbdeploy.yaml"
            path.write_bytes(yaml) if isinstance(yaml, bytes) else path.write_text(yaml)
        with pytest.raises(kind) as caught:
            load_settings(
                tmp_path,
                Action(mode, None if compare else environment, compare, deployment),
                config_file=Sourced(None, "default"),
                artifacts=Sourced(tmp_path / ".deployments", "default"),
                keep_sandbox=False,
                approve=None,
                environ={"DEV_POSTGRES_URL": URL} if environ is None else environ,
            )
        text = str(caught.value)
        assert "hunter22" not in text
        assert caught.value.hint or "must" in text
        assert caught.value.__cause__ is None or "hunter22" not in str(caught.value.__cause__)
        return text

    return run


@pytest.mark.parametrize(
    ("yaml", "line", "message"),
    [
        ("a: 1\nb: [\n", 3, "not valid YAML"),
        ("backup:\n\tkeep: 5\n", 2, "a tab where only spaces may stand"),
        ("backup:\n  keep: 5\n keep: 6\n", 3, "not valid YAML"),
        ("a: 'open\n", 2, "not valid YAML"),
        ("- a\n- b\n", 1, "must be a mapping"),
        ("just words\n", 1, "must be a mapping"),
        (
            "backup:\n  keep: 5\n  jobs: 2\n  keep: 6\n",
            4,
            'the key "keep" stands here twice (first in line 2)',
        ),
        ("log: {level: INFO}\nlog: {table: false}\n", 2, 'the key "log" stands here twice'),
        ("log: {}\n---\nbackup: {}\n", 3, "more than one YAML document"),
        ("log: !!python/object/apply:os.system [ls]\n", 1, "YAML tag"),
        ("log: &a\n  level: *a\n", 1, "endless"),
        ("log: *nowhere\n", 1, "not valid YAML"),
        ("? [a, b]\n: 1\n", 1, "a key must be a plain word"),
        ("${KEY}: 1\n", 1, "a key must be a plain word"),
        ("backup:\n  keep: ${KEEP\n", 2, "${ is not closed"),
        ("backup:\n  keep: ${KE EP}\n", 2, "${...} in the value is not understood"),
        ("backup:\n  keep: ${KEEP-5}\n", 2, "${...} in the value is not understood"),
        (b"log:\n  level: \xff\n", 2, "not UTF-8"),
        ("log: \x07\n", 1, "a character that YAML forbids"),
        ("environments:\n  dev:\n    <<: 5\n", 3, "<< must name a mapping"),
    ],
)
def test_yaml_that_cannot_be_read_is_named_with_its_line(refused, yaml, line, message):
    text = refused(yaml)
    assert text.startswith(f"dbdeploy.yaml:{line}: ")
    assert message in text


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        ("environmets:\n  dev: {}\n", '1: environmets: unknown key "environmets"; did you mean "environments"?'),
        ("environments:\n  dev:\n    helth: {}\n", '3: environments.dev.helth: unknown key "helth"; did you mean "health"?'),
        ("environments:\n  dev:\n    appUrl: x\n", '3: environments.dev.appUrl: unknown key "appUrl"; did you mean "app_url"?'),
        ("release:\n  git:\n    remot: x\n", '3: release.git.remot: unknown key "remot"; did you mean "remote"?'),
        ("state:\n  shema: x\n", '2: state.shema: unknown key "shema"; did you mean "schema"?'),
        ("state:\n  schema_: x\n", '2: state.schema_: unknown key "schema_"; did you mean "schema"?'),
        (
            "acknowledge:\n  - {rule: r, object: o, reason: x}\n  - {rule: r, objekt: o, reason: x}\n",
            '3: acknowledge[1].objekt: unknown key "objekt"; did you mean "object"?',
        ),
        ("compare:\n  foreign_keys:\n    - {form: a.b.c, to: a.b.c}\n", 'unknown key "form"; did you mean "from"?'),
        ("policy:\n  table-removd: block\n", '2: policy.table-removd: unknown rule "table-removd"; did you mean "table-removed"?'),
        ("environments:\n  dev:\n    policy: {colum-removed: warn}\n", '3: environments.dev.policy.colum-removed: unknown rule'),
        ("acknowledge:\n  - {rule: column-remove, object: o, reason: x}\n", '2: acknowledge[0].rule: unknown rule "column-remove"'),
    ],
)  # fmt: skip
def test_an_unknown_key_or_rule_names_the_nearest_known_one_and_all_others(refused, yaml, expected):
    text = refused(yaml)
    assert expected in text
    assert "Known" in text


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        ("policy: {table-removed: blok}", "1: policy.table-removed: must be block, warn or ignore"),
        (
            "sandbox: {provider: dokcer}",
            "1: sandbox.provider: must be auto, embedded, docker, server or neon",
        ),
        ("sandbox: {max_size: 20}", "sandbox.max_size: must be a number with its unit: 500kB"),
        ("backup: {max_age: 30}", "backup.max_age: must be a number with its unit: 1500ms, 60s"),
        ("backup: {keep: many}", "backup.keep: must be a whole number"),
        ("backup: {keep: 0}", "backup.keep: must be at least 1"),
        ("backup: {jobs: 99}", "backup.jobs: must be at most 64"),
        ("thresholds: {lock_seconds: long}", "thresholds.lock_seconds: must be a number"),
        ("environments: {dev: {protected: perhaps}}", "environments.dev.protected: must be true or false"),
        ("environments: {dev: 5}", "environments.dev: must be a mapping"),
        ("environments: [dev]", "environments: must be a mapping"),
        ("timeouts: {connect: 0s}", "timeouts.connect: must be longer than 0"),
        ("timeouts: {lock: 0}", "timeouts.lock: must be longer than 0"),
        (
            "environments: {dev: {health: {interval: 0s}}}",
            "environments.dev.health.interval: must be longer than 0",
        ),
        (
            "environments: {dev: {app_url: dev.example}}",
            "environments.dev.app_url: must be a URL that begins with http",
        ),
        ("environments: {dev: {health: {path: api}}}", "environments.dev.health.path: must begin with /"),
        ("environments: {'d e v': {}}", "an environment's name holds letters"),
        ("gates: {paths: gates}", "gates.paths: must be a list"),
        ("gates: {paths: [gtes]}", "gates.paths[0]: there is no gtes"),
        ("migrations: {path: drizle}", "migrations.path: there is no drizle"),
        ("migrations: {layout: command}", 'migrations: with layout command it must have "apply"'),
        ("migrations: {layout: drizzle, apply: x}", '"apply" must stand with layout command only'),
        ("rollback: {strategies: []}", "rollback.strategies: must not be empty"),
        ("rollback: {strategies: [undo, redo]}", "rollback.strategies[1]: must be undo or restore"),
        ("compare: {ignore: [{}]}", "compare.ignore[0]: must have at least one of kind, property and object"),
        ("compare: {foreign_keys: [{from: a.b, to: a.b.c}]}", "must name a column as schema.table.column"),
        (
            "compare: {foreign_keys: [{from: a.b.c, to: 'a.\"b.c'}]}",
            "must name a column as schema.table.column",
        ),
        ("acknowledge: [{rule: column-removed, object: o}]", "acknowledge[0].reason: must be given"),
        (
            "acknowledge: [{rule: column-removed, object: o, reason: r, until: soon}]",
            "until: must be a date such as",
        ),
        ("alerts: {email: {to: nobody}}", "alerts.email.to: must be an e-mail address"),
        ("alerts: {slack: true}", "alerts.slack: must be a text"),
        ("log: {level: LOUD}", "log.level: must be DEBUG, INFO, SUCCESS, WARN or ERROR"),
        ("state: {schema: public}", "state.schema: must be a schema of its own"),
    ],
)
def test_a_wrong_value_or_type_says_what_is_allowed(refused, yaml, expected):
    assert expected in refused(yaml)


def test_a_list_whose_only_element_is_wrong_is_not_said_to_be_empty(refused):
    assert "must not be empty" not in refused("rollback: {strategies: [redo]}")


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path):
    (tmp_path / "dbdeploy.yaml").mkdir()
    with pytest.raises(ConfigError, match=r"dbdeploy\.yaml is a folder"):
        find_file(tmp_path, Sourced(None, "default"))


def test_all_that_is_wrong_is_said_at_once_in_the_order_of_the_lines(refused):
    text = refused("log:\n  level: LOUD\nbackup:\n  keep: x\n  jbs: ${MISSING}\n  max_age: 5\n")
    assert [int(line) for line in re.findall(r"dbdeploy.yaml:(\d+):", text)] == [2, 4, 5, 6]


@pytest.mark.parametrize(
    "yaml",
    [
        "environments: {dev: {database: 'mysql://app:hunter22@h/d'}}",
        "environments: {dev: {database: {url: 'postgres://app:hunter22@h/d'}}}",
        "environments: {dev: {database: ['postgres://app:hunter22@h/d']}}",
        "environments: {dev: {databas: 'postgres://app:hunter22@h/d'}}",
        "environments: {dev: {postgres://app:hunter22@h/d: x}}",
        "environments: {dev: {database: *hunter22}}",
        "environments: {dev: {database: postgres://app:hunter22@h/d, database: 'x'}}",
        "environments: {dev: {database: 'postgres://app:hunter22@h/d}}",
        "environments: {dev: {database: @hunter22}}",
        "alerts: {slack: hunter22}",
        "alerts: {webhook: {url: 'ftp://hunter22'}}",
        "environments: {dev: {branch: {hunter22: x}}}",
        "sandbox: {max_size: hunter22}",
    ],
)
def test_a_value_is_never_repeated(refused, yaml):
    assert "dbdeploy.yaml:1: " in refused(yaml + "\n") or "dbdeploy.yaml:2: " in refused(yaml + "\n")


def test_a_url_of_another_database_names_the_key_and_the_variable_that_it_came_from(refused):
    yaml = "environments:\n  dev:\n    database: ${SHOP}\n"
    text = refused(yaml, {"SHOP": "mysql://app:hunter22@h/d"})
    assert (
        "dbdeploy.yaml:3 (variable SHOP): environments.dev.database is a mysql:// URL, not one of PostgreSQL"
        in text
    )
    assert "variable DEV_POSTGRES_URL: " in refused("", {"DEV_POSTGRES_URL": "mysql://app:hunter22@h/d"})
    assert "--dbdeploy-compare" in refused("", mode=Mode.COMPARE, compare=("dev", "mysql://app:hunter22@h/d"))


def test_a_wrong_value_of_a_variable_names_the_variable(refused):
    environ = {"DEV_POSTGRES_URL": URL}
    assert "variable DEV_URL: must be a URL" in refused("", {**environ, "DEV_URL": "x"})
    assert "variable SLACK_WEBHOOK_URL: must be a URL" in refused(
        "", {**environ, "SLACK_WEBHOOK_URL": "hunter22"}
    )
    assert "variable SMTP_PORT: must be a port" in refused("", {**environ, "SMTP_PORT": "hunter22"})
    text = refused("backup: {keep: '${KEEP}'}\n", {**environ, "KEEP": "hunter22"})
    assert "dbdeploy.yaml:1: backup.keep: must be a whole number (the value comes from variable KEEP)" in text


def test_a_missing_variable_is_named_with_its_place_and_where_to_set_it(refused):
    text = refused("environments:\n  dev:\n    database: ${SHOP_URL}\n", {})
    assert "dbdeploy.yaml:3: environments.dev.database: variable SHOP_URL is not set" in text
    assert ".env.local" in text
    assert "${SHOP_URL:-...}" in text
    assert "variable SLACK is not set" in refused("alerts: {slack: '${SLACK}'}\n")


def test_an_unknown_environment_lists_the_known_ones_and_how_one_comes_to_exist(refused):
    text = refused("environments:\n  prod: {}\n", {"DEV_POSTGRES_URL": URL}, environment="devv")
    assert '--dbdeploy-env: unknown environment "devv"; did you mean "dev"?' in text
    assert "dev (variable DEV_POSTGRES_URL), prod (dbdeploy.yaml:2)" in text
    assert "DEVV_POSTGRES_URL" in text
    assert "Known environments: none." in refused("", {})
    assert '--dbdeploy-compare: unknown environment "nil"' in refused(
        "", mode=Mode.COMPARE, compare=("dev", "nil")
    )
    assert '--dbdeploy-rollback: unknown environment "nil"' in refused(
        "", mode=Mode.ROLLBACK, environment="nil", deployment="deploy-nil-1764000000000"
    )


def test_an_environment_without_a_database_says_what_to_set(refused):
    text = refused("environments:\n  dev: {branch: x}\n", {})
    assert "dbdeploy.yaml:2: environments.dev: no database" in text
    assert "set DEV_POSTGRES_URL" in text


@pytest.mark.parametrize("mode", [Mode.DEPLOY, Mode.DRY_RUN, Mode.ROLLBACK, Mode.RESUME])
def test_a_read_only_environment_refuses_whatever_would_write(refused, mode):
    text = refused("environments:\n  dev:\n    read_only: true\n", mode=mode)
    assert "dbdeploy.yaml:3: environment dev is read_only" in text


@pytest.mark.parametrize(
    ("yaml", "key"),
    [
        ("sandbox: {provider: docker}", "sandbox.provider"),
        ("sandbox: {provider: server}", "sandbox.provider"),
        ("sandbox: {provider: neon}", "sandbox.provider"),
        ("sandbox: {url: 'postgres://h/d'}", "sandbox.url"),
        ("sandbox: {image: 'postgres:17'}", "sandbox.image"),
    ],
)
def test_documented_parts_that_this_version_does_not_have_are_refused_when_set(refused, yaml, key):
    text = refused(yaml, kind=LaterError)
    assert f"dbdeploy.yaml:1: {key}: this version does not have" in text


@pytest.mark.parametrize(
    ("vercel", "environ", "said"),
    [
        ("project: shop", {}, "release.vercel.project: a release with Vercel needs a token"),
        (
            "deploy_hook: 'https://h/x'",
            {"VERCEL_TOKEN": "t0ken"},
            "release.vercel.deploy_hook: needs release.vercel.project",
        ),
    ],
)
def test_a_release_with_vercel_that_lacks_something_is_refused(refused, vercel, environ, said):
    yaml = f"environments: {{dev: {{branch: production}}}}\nrelease: {{vercel: {{{vercel}}}}}\n"
    assert said in refused(yaml, {"DEV_POSTGRES_URL": "postgres://u@h/d", **environ})


def test_a_health_check_that_could_never_succeed_is_refused(refused):
    text = refused("environments: {dev: {health: {timeout: 5s, stable_for: 5s}}}\n")
    assert "environments.dev.health: must have a timeout that is longer than stable_for" in text


@pytest.mark.parametrize(
    ("yaml", "key", "message"),
    [
        (
            "environments:\n  uat: {database: 'postgres://h/uat'}\n  dev:\n    promote_from: uta\n",
            "dbdeploy.yaml:4: environments.dev.promote_from",
            'unknown environment "uta"; did you mean "uat"?',
        ),
        (
            "environments:\n  dev:\n    promote_from: dev\n",
            "dbdeploy.yaml:3: environments.dev.promote_from",
            "cannot be promoted from itself",
        ),
        (
            "environments:\n  dev: {promote_from: uat}\n  uat: {promote_from: int}\n  int: {promote_from: dev}\n",
            "dbdeploy.yaml:4: environments.int.promote_from",
            "promotion goes in a circle: dev <- uat <- int <- dev",
        ),
        (
            "environments:\n  dev: {promote_from: uat}\n  uat: {promote_from: itn}\n",
            "dbdeploy.yaml:3: environments.uat.promote_from",
            'unknown environment "itn"',
        ),
        (
            "environments:\n  dev: {promote_from: uat}\n  uat: {database: '${UAT_POSTGRES_URL}'}\n",
            "dbdeploy.yaml:2: environments.dev.promote_from",
            "environment uat has no database: neither its key database nor variable UAT_POSTGRES_URL is set",
        ),
        (
            "environments:\n  dev: {promote_from: uat}\n  uat: {database: 'mysql://u:hunter22@h/d'}\n",
            "dbdeploy.yaml:3: environments.uat.database",
            "mysql",
        ),
    ],
)
def test_a_promotion_that_cannot_be_is_named_with_file_and_key(refused, yaml, key, message):
    text = refused(yaml)
    assert key in text
    assert message in text


def test_the_wrong_ending_of_the_files_name_is_no_silent_zero_configuration(refused, tmp_path):
    (tmp_path / "dbdeploy.yml").write_text("")
    assert "Rename it to dbdeploy.yaml" in refused()
