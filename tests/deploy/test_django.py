"""A Django shop: the real ``manage.py migrate`` as the command."""

import os
import subprocess
import sys

import pytest

from tests.third_party import installed

MANAGE = """
import os, sys
from urllib.parse import urlsplit, unquote
from django.conf import settings
from django.core.management import execute_from_command_line

url = urlsplit(os.environ["DATABASE_URL"])
settings.configure(
    INSTALLED_APPS=["store"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "NAME": url.path[1:], "HOST": url.hostname, "PORT": url.port,
        "USER": unquote(url.username or ""), "PASSWORD": unquote(url.password or ""),
    }},
)
execute_from_command_line(sys.argv)
"""
MODELS = """
from django.db import models


class Customer(models.Model):
    name = models.CharField(max_length=100)
{more}
"""
MIGRATE = "environments: {{dev: {{}}}}\nmigrations:\n  layout: command\n  apply: {} manage.py migrate --noinput\n  history: django_migrations\n"


@pytest.fixture
def shop(make_project, postgres17):
    """A project with one application; ``shop.change(fields)`` writes its models and makes the migration."""
    project = make_project(postgres17.owner_database())
    python = f"env PYTHONPATH={installed()} {sys.executable}"
    project.write("dbdeploy.yaml", MIGRATE.format(python))
    project.write("manage.py", MANAGE)
    project.write("store/__init__.py", "")
    project.write("store/migrations/__init__.py", "")

    def change(fields="", *, name=100):
        project.write("store/models.py", MODELS.format(more=fields).replace("100", str(name)))
        subprocess.run(
            [*python.split(), "-W", "ignore", "manage.py", "makemigrations", "store"],
            cwd=project.root,
            env={**os.environ, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"},
            capture_output=True,
            check=True,
        )

    project.change = change
    return project


def test_what_django_migrates_is_judged_by_what_it_locks_and_loses_and_not_by_how_long_it_takes_to_start(
    shop,
):
    shop.change()
    assert shop.deploy().ended == (0, "deployed")
    shop.sql("insert into store_customer (name) select 'n' || n from generate_series(1, 100) n")
    shop.change("    phone = models.CharField(max_length=20, null=True)", name=200)
    cheap = shop.deploy()
    assert cheap.ended == (0, "deployed")
    assert "warned" not in {gate["outcome"] for gate in cheap.report["gates"]}
    assert shop.deploy().ended == (0, "nothing_to_deploy")
    shop.change(name=200)
    lossy = shop.deploy()
    assert lossy.ended == (10, "aborted")
    message = lossy.gate("test_rule[column-removed]")["message"]
    assert message.startswith("dbdeploy.yaml:4: column public.store_customer.phone")
    assert "- {rule: column-removed, object: 'public.store_customer.phone', reason: why}" in message
    last = shop.sql("select id from dbdeploy.deployments where state = 'kept' order by started desc limit 1")[
        0
    ][0]
    assert shop.run(f"--dbdeploy-rollback={last}").ended == (0, "rolled_back_on_request")
    assert shop.sql("select count(*) from store_customer") == [(100,)]
