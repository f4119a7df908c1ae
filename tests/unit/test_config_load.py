"""File, variables and options become settings; who wins, and where each value came from."""

import os

import pytest

from pytest_dbdeploy.config.load import load_settings
from pytest_dbdeploy.errors import ConfigError
from pytest_dbdeploy.invocation import Action, Sourced
from pytest_dbdeploy.model import Level, Mode, Severity
from pytest_dbdeploy.secret import redactor

URL = "postgres://app:hunter22@db.example/shop"


@pytest.fixture
def load(tmp_path):
    def run(yaml=None, environ=None, *, action=None, config=None, env_files=()):
        if yaml is not None:
            (tmp_path / "dbdeploy.yaml").write_text(yaml)
        for name, text in dict(env_files).items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        return load_settings(
            tmp_path,
            action or Action(Mode.DEPLOY, "dev"),
            config_file=Sourced(config, "command line" if config else "default"),
            artifacts=Sourced(tmp_path / ".deployments", "default"),
            keep_sandbox=False,
            approve=None,
            environ={"DEV_POSTGRES_URL": URL} if environ is None else environ,
        )

    return run


# -- without a file --------------------------------------------------------------------------------------------


def test_a_variable_is_all_the_configuration_that_is_needed(load):
    settings = load(None, {"DEV_POSTGRES_URL": URL, "DEV_URL": "https://dev.example"})
    assert settings.file is None
    assert settings.environment.name == "dev"
    assert settings.environment.database.reveal() == URL
    assert settings.environment.app_url == "https://dev.example"
    assert settings.sources == {
        "config": "default: there is no dbdeploy.yaml",
        "artifacts": "default",
        "environment": "command line",
        "database": "variable DEV_POSTGRES_URL",
        "app_url": "variable DEV_URL",
    }


def test_the_defaults_are_the_documented_ones(load):
    settings = load()
    assert (settings.sandbox.provider, settings.sandbox.data, settings.sandbox.max_size) == (
        "auto",
        "full",
        20 * 1024**3,
    )
    assert settings.policy == {"table-removed": Severity.BLOCK, "column-removed": Severity.BLOCK}
    assert (settings.thresholds.lock_seconds, settings.thresholds.lock_rows) == (1, 10_000)
    assert (settings.backup.keep, settings.backup.max_age, settings.backup.jobs) == (5, 30 * 86400, 2)
    assert settings.rollback.strategies == ("undo", "restore")
    assert settings.rollback.keep_aside_max == 200 * 1024**2
    assert (settings.timeouts.connect, settings.timeouts.lock, settings.timeouts.lock_retries) == (10, 1, 20)
    assert settings.timeouts.statement is None
    assert (settings.log.level, settings.log.table) == (Level.INFO, True)
    assert (settings.compare.rows, settings.compare.equality, settings.compare.transport) == (
        "count",
        "value",
        "auto",
    )
    assert (settings.state.schema_, settings.reports.samples, settings.gates.paths) == (
        "dbdeploy",
        "keys",
        ("gates",),
    )
    assert settings.release.vercel.timeout == 600
    assert (settings.environment.health.path, settings.environment.health.timeout) == ("/api/health", 60)


def test_the_process_beats_env_local_beats_env(load):
    files = {
        ".env.local": "DEV_POSTGRES_URL=postgres://h/local\nDEV_URL=http://local\n",
        ".env": "DEV_POSTGRES_URL=postgres://h/env\nDEV_URL=http://env\n\n# comment\nexport UAT_POSTGRES_URL='postgres://h/uat'\n",
    }
    settings = load(None, {"DEV_POSTGRES_URL": "postgres://h/process"}, env_files=files)
    assert settings.environment.database.reveal() == "postgres://h/process"
    assert (settings.environment.app_url, settings.sources["app_url"]) == (
        "http://local",
        "variable DEV_URL in .env.local:2",
    )
    assert settings.environments["uat"].source == "variable UAT_POSTGRES_URL in .env:5"


def test_an_empty_variable_counts_as_unset(load):
    settings = load(
        None, {"DEV_POSTGRES_URL": "", "DEV_URL": ""}, env_files={".env": f"DEV_POSTGRES_URL={URL}\n"}
    )
    assert settings.environment.source == "variable DEV_POSTGRES_URL in .env:1"
    assert settings.environment.app_url is None


def test_env_files_are_not_exported_and_know_the_syntax_of_dotenv(load):
    text = 'PASS="p#w d"\nDEV_POSTGRES_URL=postgres://app:${PASS}@h/d # comment\n'
    settings = load(None, {}, env_files={".env.local": text.replace("p#w d", "pw-of-dotenv")})
    assert settings.environment.database.reveal() == "postgres://app:pw-of-dotenv@h/d"
    assert "DEV_POSTGRES_URL" not in os.environ


def test_a_line_of_an_env_file_that_is_not_understood_is_a_note_and_no_error(load):
    settings = load(env_files={".env": "A=1\n\nthis is no line\nB=2\n"})
    assert settings.notes == (".env:3: this line is not NAME=value and was ignored",)


def test_env_files_are_read_beside_the_configuration_file(load, tmp_path):
    files = {
        "deploy/.env.local": f"DEV_POSTGRES_URL={URL}\n",
        "deploy/dbdeploy.yaml": "backup: {keep: 7}\n",
        ".env": "DEV_URL=http://x\n",
    }
    settings = load(None, {}, config=tmp_path / "deploy" / "dbdeploy.yaml", env_files=files)
    assert (settings.backup.keep, settings.environment.app_url) == (7, None)
    assert settings.environment.source == "variable DEV_POSTGRES_URL in .env.local:1"
    assert settings.sources["config"] == "command line"


def test_a_folder_named_env_is_no_env_file(load, tmp_path):
    (tmp_path / ".env").mkdir()
    assert load().environment.name == "dev"


def test_channels_of_alerts_come_from_variables(load):
    environ = {
        "DEV_POSTGRES_URL": URL,
        "SLACK_WEBHOOK_URL": "https://hooks.slack.example/T/B/x",
        "ALERT_WEBHOOK_URL": "https://hook.example/in",
        "ALERT_WEBHOOK_SECRET": "shared-secret",
        "ALERT_EMAIL": "ops@example.org, dev@example.org",
        "SMTP_HOST": "mail.example",
        "SMTP_PORT": "587",
        "SMTP_USER": "mailer",
        "SMTP_PASSWORD": "mail-password",
        "VERCEL_TOKEN": "vercel-token",
    }
    settings = load(None, environ)
    assert settings.alerts.slack.reveal() == environ["SLACK_WEBHOOK_URL"]
    assert settings.alerts.webhook.url.reveal() == environ["ALERT_WEBHOOK_URL"]
    assert settings.alerts.webhook.secret.reveal() == "shared-secret"
    assert settings.alerts.email.to == ("ops@example.org", "dev@example.org")
    assert (settings.alerts.smtp.host, settings.alerts.smtp.port, settings.alerts.smtp.user) == (
        "mail.example",
        587,
        "mailer",
    )
    assert settings.alerts.smtp.password.reveal() == "mail-password"
    assert settings.release.vercel.token.reveal() == "vercel-token"


@pytest.mark.parametrize(
    ("content", "environ", "notes"),
    [
        (None, {}, ()),
        (None, {"SLACK_WEBHOOK_URL": ""}, ("no alert goes to Slack: variable SLACK_WEBHOOK_URL is empty",)),
        ("alerts: {slack: null}\n", {"SLACK_WEBHOOK_URL": ""}, ()),
        ("alerts: null\n", {"SLACK_WEBHOOK_URL": "", "ALERT_EMAIL": ""}, ()),
        (
            "alerts:\n  webhook:\n    url: ${ALERT_WEBHOOK_URL:-}\n",
            {},
            ("no alert goes to the webhook: alerts.webhook.url is empty (dbdeploy.yaml:3)",),
        ),
        ("alerts: {slack: '${HOOK:-}'}\n", {"HOOK": "https://hooks.slack.example/T/B/y"}, ()),
        (
            "alerts: {email: {to: '${ALERT_EMAIL:-}'}}\n",
            {"ALERT_EMAIL": ""},
            ("no alert goes to e-mail: alerts.email.to is empty (dbdeploy.yaml:1)",),
        ),
        (
            None,
            {"ALERT_EMAIL": "ops@example.org"},
            ("no alert goes to e-mail: variable SMTP_HOST is not set",),
        ),
        (None, {"ALERT_EMAIL": "ops@example.org", "SMTP_HOST": "mail.example"}, ()),
    ],
)
def test_a_channel_that_is_configured_and_empty_is_named(load, content, environ, notes):
    assert load(content, {"DEV_POSTGRES_URL": URL, **environ}).notes == notes


def test_an_empty_variable_of_an_env_file_is_named_too_unless_another_place_has_more(load):
    files = {".env.local": "SLACK_WEBHOOK_URL=\n", ".env": "ALERT_EMAIL=\n"}
    environ = {"DEV_POSTGRES_URL": URL, "ALERT_EMAIL": "ops@example.org", "SMTP_HOST": "mail.example"}
    notes = load(None, environ, env_files=files).notes
    assert notes == ("no alert goes to Slack: variable SLACK_WEBHOOK_URL is empty",)


def test_a_dry_run_that_alerts_nobody_says_nothing_of_channels(load):
    action = Action(Mode.DRY_RUN, environment="dev")
    assert load(None, {"DEV_POSTGRES_URL": URL, "SLACK_WEBHOOK_URL": ""}, action=action).notes == ()


def test_null_in_the_file_turns_a_channel_off_whatever_the_variable_says(load):
    environ = {
        "DEV_POSTGRES_URL": URL,
        "DEV_URL": "http://dev",
        "SLACK_WEBHOOK_URL": "https://hooks.slack.example/T",
    }
    settings = load("alerts: {slack: null}\nenvironments: {dev: {app_url: null}}\n", environ)
    assert (settings.alerts.slack, settings.environment.app_url) == (None, None)
    assert load("alerts: null\n", environ).alerts.slack is None


def test_an_environment_of_which_only_the_name_is_written_has_the_defaults(load):
    settings = load("environments:\n  dev:\n", {"DEV_POSTGRES_URL": URL})
    assert (settings.environment.name, settings.environment.branch) == ("dev", None)


# -- the file --------------------------------------------------------------------------------------------------


def test_an_empty_file_is_fine(load):
    assert load("").environment.name == "dev"
    assert load("# only a comment\n").environment.name == "dev"


def test_an_environment_without_the_key_database_takes_it_from_its_variable(load):
    yaml = "environments:\n  pre-prod:\n    branch: main\n"
    settings = load(yaml, {"PRE_PROD_POSTGRES_URL": URL}, action=Action(Mode.DEPLOY, "pre-prod"))
    assert settings.environment.database.reveal() == URL
    assert settings.environment.branch == "main"
    assert set(settings.environments) == {"pre-prod"}, "the variable does not make a second one"


def test_the_database_of_the_file_beats_the_variable_of_its_name(load):
    settings = load("environments:\n  dev:\n    database: postgres://h/file\n")
    assert settings.environment.database.reveal() == "postgres://h/file"
    assert settings.sources["database"] == "dbdeploy.yaml:3"


def test_variables_are_filled_in_with_defaults_also_inside_flow_mappings_and_texts(load):
    yaml = (
        "environments: {dev: {database: 'postgres://${USER:-app}:${PASS}@h/d', app_url: ${NONE:-}}}\n"
        "backup: {keep: ${KEEP:-9}, max_age: ${AGE:-${OTHER:-2h}}}\n"
        "log: {table: ${TABLE:-no}}\n"
        "migrations: {path: null, history: '$${literal}'}\n"
    )
    settings = load(yaml, {"PASS": "pw-in-file", "OTHER": "1d"})
    assert settings.environment.database.reveal() == "postgres://app:pw-in-file@h/d"
    assert settings.environment.app_url is None
    assert (settings.backup.keep, settings.backup.max_age) == (9, 86400)
    assert settings.log.table is False
    assert settings.migrations.history == "${literal}"


def test_what_a_variable_holds_is_never_read_as_yaml(load):
    settings = load(
        "environments: {dev: {branch: ${BRANCH}}}\n", {"DEV_POSTGRES_URL": URL, "BRANCH": "a: {b, c} # d"}
    )
    assert settings.environment.branch == "a: {b, c} # d"


def test_a_missing_variable_of_another_environment_does_not_matter(load):
    yaml = "environments:\n  dev: {}\n  prod: {database: '${PROD_URL_OF_VAULT}', app_url: '${X}', branch: '${Y}'}\n"
    settings = load(yaml, {"DEV_POSTGRES_URL": URL, "X": "not a url"})
    assert set(settings.environments) == {"dev"}


@pytest.mark.parametrize("mode", [Mode.COMPARE, Mode.DRY_RUN])
def test_a_missing_variable_of_an_alert_does_not_matter_where_no_alert_is_sent(load, mode):
    action = Action(mode, compare=("dev", URL)) if mode is Mode.COMPARE else Action(mode, "dev")
    assert load("alerts: {slack: '${SLACK_OF_VAULT}'}\n", action=action).alerts.slack is None


def test_texts_that_look_like_other_types_stay_texts(load):
    settings = load("environments: {dev: {branch: 0007}}\ncompare: {rows: none}\nalerts: {on: [failure]}\n")
    assert settings.environment.branch == "0007"
    assert settings.compare.rows == "none"
    assert settings.alerts.on == ("failure",)


def test_anchors_and_merge_keys_spare_repetition(load):
    yaml = "environments:\n  dev: &base {branch: a, health: {timeout: 5s}}\n  uat:\n    <<: *base\n    branch: b\n"
    settings = load(yaml, {"UAT_POSTGRES_URL": URL}, action=Action(Mode.DEPLOY, "uat"))
    assert (settings.environment.branch, settings.environment.health.timeout) == ("b", 5)


def test_the_policy_of_an_environment_overrides_the_common_one(load):
    yaml = "policy: {column-removed: warn, view-removed: block}\nenvironments: {dev: {policy: {view-removed: ignore}}}\n"
    assert load(yaml).policy == {
        "table-removed": Severity.BLOCK,
        "column-removed": Severity.WARN,
        "view-removed": Severity.IGNORE,
    }


def test_an_acknowledgement_holds_a_date(load):
    yaml = "acknowledge:\n  - {rule: column-removed, object: public.users.legacy, migration: 0007_*, reason: unused, until: 2027-01-31}\n"
    (one,) = load(yaml).acknowledge
    assert (one.migration, one.until.isoformat()) == ("0007_*", "2027-01-31")


@pytest.mark.parametrize("name", ["prod", "production", "live", "main"])
def test_an_environment_of_such_a_name_is_protected_unless_the_file_says_otherwise(load, name):
    environ = {f"{name.upper()}_POSTGRES_URL": URL}
    action = Action(Mode.DEPLOY, name)
    assert load(None, environ, action=action).environment.protected
    assert load(None, environ, action=action).rollback.if_restore_loses_writes == "stop"
    assert not load(
        f"environments: {{{name}: {{protected: false}}}}\n", environ, action=action
    ).environment.protected


def test_other_environments_are_not_protected_and_their_rollback_goes_on(load):
    settings = load()
    assert (settings.environment.protected, settings.rollback.if_restore_loses_writes) == (False, "discard")


def test_a_command_makes_the_layout(load):
    settings = load("migrations: {apply: python manage.py migrate}\n")
    assert (settings.migrations.layout, settings.migrations.apply) == ("command", "python manage.py migrate")


def test_parameters_of_other_drivers_are_dropped_with_a_note(load):
    settings = load(None, {"DEV_POSTGRES_URL": URL + "?pgbouncer=true"})
    assert "pgbouncer" in settings.notes[0]


# -- comparisons and rollbacks -----------------------------------------------------------------------------------


def test_the_sides_of_a_comparison_are_environments_or_urls(load):
    action = Action(Mode.COMPARE, compare=("dev", "postgres://app:hunter22@far.example:5433/other"))
    settings = load(action=action)
    (name, dev), (label, far) = settings.compared
    assert (name, dev.database.reveal()) == ("dev", URL)
    assert (label, far.database.reveal()) == ("far.example:5433/other", action.compare[1])
    assert settings.environment is None


def test_two_urls_of_one_database_have_two_labels(load):
    sides = ("postgres://a@h:5432/d", "postgres://b@h:5432/d")
    labels = [label for label, _ in load(action=Action(Mode.COMPARE, compare=sides)).compared]
    assert labels == ["h:5432/d", "h:5432/d (2)"]


def test_a_read_only_environment_may_be_compared(load):
    yaml = "environments: {prod: {read_only: true, database: postgres://h/d}}\n"
    settings = load(yaml, action=Action(Mode.COMPARE, compare=("dev", "prod")))
    assert settings.compared[1][1].read_only


def test_the_environment_of_a_rollback_comes_from_the_deployments_id(load):
    settings = load(action=Action(Mode.ROLLBACK, "dev", deployment="deploy-dev-1764000000000"))
    assert settings.sources["environment"] == "deployment ID"


def test_an_embedded_database_is_accepted_as_it_is_written(load):
    assert (
        load("environments: {dev: {database: embedded://.db/dev}}\n", {}).environment.database.reveal()
        == "embedded://.db/dev"
    )


def test_paths_are_relative_to_rootdir(load, tmp_path):
    assert load("backup: {directory: backups}\n").backup.directory == tmp_path / "backups"


def test_vercels_variables_count_and_the_bypass_goes_with_health_checks(load):
    environ = {
        "DEV_POSTGRES_URL": URL,
        "VERCEL_API_URL": "http://127.0.0.1:9",
        "VERCEL_DEPLOY_HOOK": "https://hook.example/s3cret",
        "VERCEL_AUTOMATION_BYPASS_SECRET": "bypass-secret",
    }
    settings = load("release: {vercel: {project: shop}}\n", environ)
    assert settings.release.vercel.api == "http://127.0.0.1:9"
    assert settings.release.vercel.deploy_hook.reveal() == "https://hook.example/s3cret"
    assert settings.environment.health.headers == {"x-vercel-protection-bypass": "bypass-secret"}
    assert "bypass-secret" not in repr(settings)
    assert load("", {"DEV_POSTGRES_URL": URL}).release.vercel.api == "https://api.vercel.com"


def test_health_headers_are_secrets_unless_their_values_are_ordinary_words(load):
    headers = "{X-Gate: abcdefghij, Accept: application/json, X-Stage: dev}"
    load(f"environments: {{dev: {{health: {{headers: {headers}}}}}}}\n")
    assert redactor.redact("abcdefghij application/json dev") == "*** application/json dev"


def test_settings_print_no_secret(load):
    environ = {
        "DEV_POSTGRES_URL": URL,
        "SMTP_PASSWORD": "mail-password",
        "VERCEL_TOKEN": "vercel-token",
        "TOKEN": "header-token",
    }
    yaml = "environments: {dev: {health: {headers: {Authorization: 'Bearer ${TOKEN}'}}}}\nrelease: {git: {remote: 'https://git-token@git.example/a'}}\n"
    text = repr(load(yaml, environ))
    for secret in ("hunter22", "mail-password", "vercel-token", "header-token", "git-token"):
        assert secret not in text


def test_settings_cannot_be_changed(load):
    settings = load()
    for owner, name in (
        (settings, "approve"),
        (settings.backup, "keep"),
        (settings.environment, "protected"),
    ):
        with pytest.raises((AttributeError, ValueError)):
            setattr(owner, name, None)


def test_a_file_that_was_asked_for_must_be_there(load, tmp_path):
    with pytest.raises(ConfigError, match=r"other.yaml \(command line\) does not exist"):
        load(config=tmp_path / "other.yaml")
    with pytest.raises(ConfigError, match="is a folder"):
        load(config=tmp_path)


CHAIN = "environments: {dev: {promote_from: uat}, uat: {promote_from: int}, int: {}}\n"
CHAIN_URLS = {f"{name}_POSTGRES_URL": f"postgres://h/{name.lower()}" for name in ("DEV", "UAT", "INT")}


def test_an_environment_is_promoted_from_the_one_before_it_in_the_chain(load):
    assert load(CHAIN, CHAIN_URLS).promotion.database.reveal() == "postgres://h/uat"
    assert load(CHAIN, CHAIN_URLS, action=Action(Mode.DRY_RUN, "uat")).promotion.name == "int"
    assert load(CHAIN, CHAIN_URLS, action=Action(Mode.DEPLOY, "int")).promotion is None


def test_the_variable_of_another_environment_is_enough_to_be_promoted_from_it(load):
    settings = load("environments: {dev: {promote_from: uat}}\n", CHAIN_URLS)
    assert settings.promotion.name == "uat"


@pytest.mark.parametrize("mode", [Mode.ROLLBACK, Mode.RESUME])
def test_a_way_back_does_not_need_the_environment_before(load, mode):
    action = Action(mode, "dev", deployment="deploy-dev-1764000000000")
    assert load("environments: {dev: {promote_from: gone}}\n", action=action).promotion is None
