"""Pythons and pytests that are set up strictly: warnings as errors, development mode, plugins by name only."""

import pytest

STRICT = {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"}
#: pytest-rerunfailures closes no socket of its workers.
ERRORS = ("-W", "error", "-p", "no:rerunfailures")


@pytest.mark.parametrize(
    "variable", ["PYTHONDEVMODE", pytest.param("PYTHONWARNINGS", marks=pytest.mark.slow)]
)
def test_a_strict_python_deploys_without_a_warning(project, mode, monkeypatch, variable):
    monkeypatch.setenv(variable, STRICT[variable])
    run = project.run(*mode, *ERRORS)
    assert run.status == 0, run.output
    assert "Warning" not in run.output
    project.gate("postdeploy", "assert 0")
    run = project.run(*mode, *ERRORS)
    assert run.status == 11, run.output
    assert "Warning" not in run.output


@pytest.mark.parametrize("words", [("-p", "xdist", "-n2"), ()], ids=["n2", "plain"])
def test_plugins_may_be_named_instead_of_found(project, monkeypatch, words):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    run = project.run("-p", "pytest_dbdeploy.plugin", *words)
    assert run.status == 0, run.output
    project.gate("sandbox", "assert 0")
    assert project.run("-p", "pytest_dbdeploy.plugin", *words).status == 10


@pytest.mark.parametrize("word", ["--help", "--markers", "--fixtures"])
def test_information_says_what_there_is_and_does_nothing(project, word):
    run = project.run("-W", "error", word, "--dbdeploy-env=dev", action=False)
    assert run.status == 0, run.output
    assert {"--help": "--dbdeploy-env=NAME", "--markers": "mark.dbdeploy(", "--fixtures": "dbdeploy_target"}[
        word
    ] in run.output
    assert run.events == []
