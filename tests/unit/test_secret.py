"""Secrets never print themselves, and the redactor finds them however they are written."""

import copy
import json
import pickle
import threading
from urllib.parse import quote, quote_plus

import pytest

from pytest_dbdeploy.secret import Redactor, Secret, redact_sql, redactor

PASSWORD = "p@ss/w'ör\"d %1"


def test_a_secret_prints_as_stars_however_it_is_asked():
    secret = Secret(PASSWORD)
    for text in (
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret!r}",
        f"{secret:>5}",
        str([secret]),
    ):
        assert "***" in text
        assert PASSWORD not in text
    assert secret.reveal() == PASSWORD


def test_secrets_compare_by_value_and_an_empty_one_is_false():
    assert Secret("one-secret") == Secret("one-secret") != Secret("another-secret")
    assert Secret("one-secret") != "one-secret"
    assert len({Secret("one-secret"), Secret("one-secret")}) == 1
    assert not Secret("")


@pytest.mark.parametrize(
    "again", [lambda s: pickle.loads(pickle.dumps(s)), copy.deepcopy], ids=["pickle", "deepcopy"]
)
def test_a_secret_survives_being_sent_to_a_worker(again):
    assert again(Secret(PASSWORD)).reveal() == PASSWORD


def test_a_secret_cannot_be_written_as_json_by_mistake():
    with pytest.raises(TypeError):
        json.dumps(Secret(PASSWORD))


def test_making_a_secret_registers_it():
    Secret("registered-when-made")
    assert redactor.redact("it is registered-when-made!") == "it is ***!"


@pytest.mark.parametrize(
    "written",
    [
        PASSWORD,
        quote(PASSWORD, safe=""),
        quote(PASSWORD),
        quote_plus(PASSWORD),
        quote(PASSWORD, safe="").lower(),
        json.dumps(PASSWORD)[1:-1],
        json.dumps(PASSWORD, ensure_ascii=False)[1:-1],
        PASSWORD.replace("'", "''"),
        PASSWORD.replace("'", "\\'"),
    ],
)
def test_every_spelling_of_a_registered_secret_is_found(written):
    own = Redactor()
    own.register(PASSWORD)
    assert own.redact(f"<{written}>") == "<***>"


def test_a_secret_of_one_or_two_characters_is_not_replaced_everywhere():
    own = Redactor()
    own.register("ab")
    assert own.redact("about") == "about"


def test_of_two_secrets_one_inside_the_other_the_longer_is_replaced_whole():
    own = Redactor()
    own.register("hunter")
    own.register("hunter22-and-more")
    assert own.redact("hunter22-and-more, hunter") == "***, ***"


def test_of_a_database_url_only_the_password_is_registered():
    own = Redactor()
    own.register("postgres://app:s%C3%A9cret-word@db.example:5432/shop?sslmode=require")
    assert (
        own.redact("db.example app shop require sécret-word s%C3%A9cret-word")
        == "db.example app shop require *** ***"
    )


@pytest.mark.parametrize(
    "url",
    [
        "postgres://app:hunter22-x@db.example/shop",
        "postgresql://app:hunter22-x@db.example/shop?application_name=a@b",
        "postgresql+psycopg://app:hunter22-x@db.example/shop",
        "postgres://app@db.example/shop?password=hunter22-x&sslmode=require",
        "mysql://app:hunter22-x@db.example/shop",
    ],
)
def test_the_password_of_every_kind_of_database_url_is_registered(url):
    own = Redactor()
    own.register(url)
    assert own.redact("FATAL: hunter22-x is wrong") == "FATAL: *** is wrong"


def test_a_webhook_url_is_a_secret_as_a_whole():
    own = Redactor()
    own.register("https://hooks.slack.example/services/T1/B2/xyz")
    assert own.redact("POST https://hooks.slack.example/services/T1/B2/xyz failed") == "POST *** failed"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("to postgres://app:nobody-registered@db/shop now", "to postgres://app:***@db/shop now"),
        ("postgresql://app:un@encoded/and@db/shop", "postgresql://app:***@db/shop"),
        ('{"url":"postgres://a:b@h/d","mail":"x@y"}', '{"url":"postgres://a:***@h/d","mail":"x@y"}'),
        ("postgres://app@db/shop", "postgres://app@db/shop"),
        ("postgres://db:5432/shop", "postgres://db:5432/shop"),
        (
            "postgres://h/d?user=a&password=b%20c&sslmode=require",
            "postgres://h/d?user=a&password=***&sslmode=require",
        ),
        ("https://ghp_token@github.com/a/b.git", "https://***@github.com/a/b.git"),
        ("https://user:token@github.com/a/b.git", "https://***@github.com/a/b.git"),
        (
            "git@github.com:a/b.git and http://localhost:3000/@user",
            "git@github.com:a/b.git and http://localhost:3000/@user",
        ),
    ],
)
def test_passwords_in_urls_go_without_being_registered(text, expected):
    assert Redactor().redact(text) == expected


def test_threads_may_register_while_others_redact():
    own = Redactor()
    secrets = [f"thread-secret-{number:04d}" for number in range(200)]
    seen = []

    def register(part):
        for secret in part:
            own.register(secret)
            seen.append(own.redact(secret))

    threads = [threading.Thread(target=register, args=(secrets[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["***"] * 200
    assert own.redact(" ".join(secrets)) == " ".join(["***"] * 200)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER ROLE app PASSWORD 'hunter22'",
        "create user app with encrypted password E'hunter\\'22' valid until '2027-01-01'",
        "CREATE ROLE app LOGIN PASSWORD $$hunter22$$",
        "CREATE ROLE app LOGIN PASSWORD $q$hunter22$q$",
        "CREATE ROLE app PASSWORD\n  /* it's new */ 'hunter22'",
        "ALTER ROLE app PASSWORD 'hunter''22'",
        "ALTER ROLE app PASSWORD U&'hunter22'",
        "CREATE USER MAPPING FOR app SERVER far OPTIONS (user 'app', password 'hunter22')",
        "ALTER USER MAPPING FOR app SERVER far OPTIONS (SET password 'hunter22', ADD sslpassword 'hunter22')",
        "ALTER USER MAPPING FOR app SERVER far OPTIONS (SET \"password\" 'hunter22')",
        "DO $$ BEGIN EXECUTE 'ALTER ROLE app PASSWORD ''hunter22'''; END $$",
        "DO $body$ BEGIN ALTER ROLE app PASSWORD 'hunter22'; END $body$",
        "CREATE SUBSCRIPTION s CONNECTION 'host=h user=u password=hunter22 dbname=d' PUBLICATION p",
        "SELECT dblink_connect('host=h password=''hunter22'' user=u')",
        "SELECT 'postgres://app:hunter22@h/d'",
        "UPDATE users SET password = 'hunter22'",
        "ALTER ROLE app PASSWORD 'hunter22",
        "-- don't: ALTER ROLE app PASSWORD 'hunter22'\nSELECT 1",
        "/* ALTER ROLE app PASSWORD 'hunter22' */ SELECT 1",
        "ALTER ROLE a PASSWORD 'hunter22'; ALTER ROLE b PASSWORD 'hunter22';",
    ],
)
def test_passwords_in_statements_are_hidden(statement):
    redacted = redact_sql(statement)
    assert "hunter" not in redacted
    assert "***" in redacted


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE users (password text NOT NULL DEFAULT 'none', note text DEFAULT 'it''s')",
        "COMMENT ON COLUMN users.password IS 'a hash'",
        "ALTER ROLE app VALID UNTIL '2027-01-01'",
        "SELECT '--', $1, \"pass'word\", E'\\'' || $$ text $$",
        "ALTER ROLE app PASSWORD NULL",
        "CREATE INDEX ON users (password) WHERE name <> 'x'",
    ],
)
def test_other_literals_stay_as_they_are(statement):
    assert redact_sql(statement) == statement
