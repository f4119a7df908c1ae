"""The last line of the output is for machines, whatever else is written at the end; ``check_last_line`` looks at it in every run."""

import re

import pytest

LOUD = """
import atexit, sys
import pytest

class Loud:
    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self):
        print("at the end of the session")

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter):
        terminalreporter.write_line("in the summary")

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self):
        sys.stdout.write("without a line's end")

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Loud())
        config.add_cleanup(lambda: print("cleaning up"))
"""


@pytest.mark.parametrize("words", [("-qq",), ("-s", "--color=yes"), ("-p", "no:terminal")])
def test_it_is_there_however_quiet(project, words):
    assert project.run(*words).status == 0


def test_it_is_after_what_other_plugins_write(project, mode):
    project.write("plugin/loud.py", LOUD)
    project.monkeypatch.setenv("PYTHONPATH", str(project.path / "plugin"))
    run = project.run("-p", "loud", "--durations=3", "-rA", *mode)
    assert run.status == 0
    assert "cleaning up" in run.output


@pytest.mark.parametrize(
    ("fake", "status"),
    [
        ({"collected": ["config-error:not approved"]}, 4),
        ({"deploy": ["raise:broken"]}, 3),
        ({"deploy": ["signal:SIGINT"]}, 2),
        ({"close": {"sandbox": "nothing to do"}}, 0),
    ],
)
def test_it_is_there_however_the_session_ends(project, mode, fake, status):
    run = project.run(*mode, **fake)
    assert run.status == status
    assert run.names("close") == ["close"]


def test_what_is_wrong_with_the_settings_is_said_before_it(project):
    run = project.run(collected=["config-error:not approved"])
    assert "ERROR: not approved\n" in run.output


def test_without_a_flow_there_is_none(project):
    run = project.run(settings="no such environment")
    assert run.status == 4
    assert "ERROR: no such environment" in run.output
    assert "dbdeploy: outcome" not in run.output


def test_a_plain_run_has_none(project):
    assert "dbdeploy:" not in project.run(action=False).output


def test_the_final_section_has_its_title_right_above_the_verdict(project):
    run = project.run(xml_file=False, close={"preflight": "nothing to do"})
    assert re.search(r"\[100%\]\n\n=+ dbdeploy =+\nverdict: ", run.output)
