"""Exactly the built-in gates and those below gates.paths are collected, whatever the application's ini says."""

import shutil
from pathlib import Path

import pytest

import pytest_dbdeploy

HOSTILE = """[pytest]
python_files = check_*.py
python_functions = check_*
python_classes = Check*
testpaths = nowhere
norecursedirs = gates preflight sandbox postdeploy
addopts = -k nothing -m nothing --deselect gates/sandbox/test_sandbox.py::test_one --ignore=gates
usefixtures = no_such_fixture
"""


def listed(run):
    return [line.strip() for line in run.output.splitlines() if "::" in line]


def test_a_hostile_ini_hides_no_gate(project, rarely):
    project.write("pytest.ini", HOSTILE)
    project.write("check_application.py", "def check_application():\n    assert 0\n")
    run = project.run(*rarely)
    assert run.status == 0, run.output
    assert len(run.outcomes) == 6


@pytest.mark.parametrize(
    "narrowing",
    [
        ["-k", "not test_two"],
        *(
            pytest.param(words, marks=pytest.mark.slow)
            for words in (
                ["-m", "nothing"],
                ["--deselect", "gates/postdeploy/test_postdeploy.py::test_two"],
                ["--ignore=gates/sandbox"],
                ["--ignore-glob=*postdeploy*"],
            )
        ),
    ],
)
def test_what_the_command_line_leaves_out_is_not_verified(project, mode, narrowing):
    run = project.run(*mode, *narrowing)
    assert run.status == 10, run.output
    assert not run.deployed
    assert "deselected" in run.outcomes.values()


def test_addopts_in_the_environment_count_as_command_line(project, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k test_one")
    assert project.run().status == 10


def test_leaving_out_a_gate_that_only_warns_deploys(project, rarely):
    project.gate("sandbox", "pass", head="@pytest.mark.dbdeploy(severity='warn')")
    run = project.run(*rarely, "-k", "not test_case")
    assert run.status == 0, run.output
    assert run.outcome("test_case") == "deselected"


@pytest.mark.parametrize("argument", ["gates", "gates/sandbox/test_sandbox.py::test_one", "."])
def test_a_path_argument_is_a_usage_error(project, argument):
    run = project.run(argument)
    assert run.status == 4
    assert "path argument" in run.output
    assert "Traceback" not in run.output
    assert run.events == []


def test_a_path_in_the_ini_is_no_argument_of_the_user(project):
    project.write("pytest.ini", "[pytest]\naddopts = gates/sandbox\ntestpaths = gates/preflight\n")
    run = project.run()
    assert run.status == 0, run.output
    assert len(run.outcomes) == 6


def test_gates_are_listed_by_phase_without_acting(project):
    run = project.run("--co", "-q")
    assert run.status == 0, run.output
    assert run.events == []
    assert listed(run) == [
        f"gates/{p}/test_{p}.py::test_{n}"
        for p in ("preflight", "sandbox", "postdeploy")
        for n in ("one", "two")
    ]


@pytest.mark.slow
def test_listing_with_workers_acts_as_little(project):
    run = project.run("--co", "-q", "-n2")
    assert (run.status, run.events) == (0, []), run.output


def test_the_built_in_gates_have_ids_of_their_own(project):
    """Also beside an application's own package of the same name."""
    project.write("gates/__init__.py", "raise ImportError('the application')\n")
    run = project.run("--co", "-q", built_in=True)
    folder = Path(pytest_dbdeploy.__file__).parent / "gates"
    files = sorted(f"dbdeploy/{p.parent.name}/{p.name}" for p in folder.glob("*/test_*.py"))
    shown = {line.partition("::")[0] for line in listed(run)}
    expected = {name for name in files if name.split("/")[1] in ("preflight", "sandbox", "postdeploy")}
    assert expected <= shown, run.output


def test_built_in_gates_run_in_workers_and_show_no_place_of_installation(project, rarely):
    run = project.run(*rarely, "-v", built_in=True)
    assert any(nodeid.startswith("dbdeploy/preflight/") for nodeid in run.outcomes)
    assert "site-packages/pytest_dbdeploy" not in run.output.replace("Error", "")
    assert " <- " not in run.output


def test_the_phase_is_the_nearest_folder_and_the_marker_beats_it(project):
    project.write("gates/test_top.py", "def test_top():\n    pass\n")
    project.write("gates/sandbox/deep/preflight/test_deep.py", "def test_deep():\n    pass\n")
    project.gate("sandbox", "pass", head="@pytest.mark.dbdeploy(phase='postdeploy')")
    run = project.run()
    phases = {e["nodeid"].rpartition("::")[2]: e["phase"] for e in run.events if e["event"] == "gate-started"}
    assert phases["test_top"] == "sandbox"
    assert phases["test_deep"] == "preflight"
    assert phases["test_case"] == "postdeploy"


def test_gates_of_other_phases_are_left_out(project):
    project.write("gates/postrollback/test_later.py", "def test_later():\n    assert 0\n")
    run = project.run()
    assert run.status == 0, run.output
    assert len(run.outcomes) == 6
    assert "collected 6 items" in run.output


@pytest.mark.parametrize(
    "marker",
    ["phase='sandbx', severity='ignore'", pytest.param("'sandbox', blocking=True", marks=pytest.mark.slow)],
)
def test_a_wrong_marker_refuses_and_names_the_gate(project, marker):
    project.gate("sandbox", "pass", head=f"@pytest.mark.dbdeploy({marker})")
    run = project.run()
    assert run.status == 10, run.output
    assert any(
        "test_zz_sandbox.py::test_case: marker dbdeploy" in problem
        for problem in run.event("finish")["problems"]
    )


@pytest.mark.parametrize(
    "text",
    ["import no_such_module", "def broken(:", "import pytest\npytest.skip('later', allow_module_level=True)"],
    ids=["import", "syntax", "skip"],
)
def test_a_file_of_gates_that_cannot_be_read_refuses(project, mode, text):
    project.write("gates/sandbox/test_broken.py", text + "\n")
    run = project.run(*mode)
    assert run.status == 10, run.output
    assert not run.deployed
    assert any("gates/sandbox/test_broken.py" in problem for problem in run.event("finish")["problems"])


def test_a_project_without_gates_has_the_built_in_ones(project):
    shutil.rmtree(project.path / "gates")
    run = project.run("--co", "-q", built_in=True)
    assert run.status == 0, run.output
    assert listed(run)
    assert all(line.startswith("dbdeploy/") for line in listed(run))


def test_a_gates_path_that_is_named_but_missing_refuses(project):
    run = project.run(paths=["gates", "checks"])
    assert run.status == 10, run.output
    assert any("checks does not exist" in problem for problem in run.event("finish")["problems"])


def test_required_gates_must_exist(project, rarely):
    run = project.run(*rarely, require=["gates/sandbox/*", "gates/postdeploy/test_invoices.py"])
    assert run.status == 10, run.output
    assert run.event("finish")["problems"] == [
        "gates.require: there is no gate gates/postdeploy/test_invoices.py"
    ]


def test_files_of_one_name_in_two_phases_do_not_collide(project, rarely):
    project.write("gates/preflight/test_same.py", "def test_first():\n    pass\n")
    project.write("gates/sandbox/test_same.py", "def test_second():\n    pass\n")
    run = project.run(*rarely)
    assert run.status == 0, run.output
    assert len(run.outcomes) == 8


def test_every_form_of_test_is_a_gate(project, rarely):
    project.write(
        "gates/sandbox/conftest.py", "import pytest\n\n\n@pytest.fixture\ndef local():\n    return 1\n"
    )
    project.write(
        "gates/sandbox/test_forms.py",
        "import unittest\n\nimport pytest\n\nimport pytest_dbdeploy\n\n\n"
        "class TestGroup:\n    @pytest.mark.parametrize('x', [1, 2])\n    def test_parameters(self, x, local):\n        assert local\n\n\n"
        "class TestCase(unittest.TestCase):\n    def test_unittest(self):\n        self.assertTrue(True)\n\n"
        "    def test_not_here(self):\n        pytest_dbdeploy.not_applicable('not here')\n",
    )
    run = project.run(*rarely)
    assert run.status == 0, run.output
    assert len(run.outcomes) == 10
    assert run.outcome("test_not_here") == "not_applicable"


def test_live_tables_parametrize_gates_once_in_every_process(project, rarely):
    project.write(
        "gates/sandbox/test_tables.py",
        "from pytest_dbdeploy import facts\n\n\ndef pytest_generate_tests(metafunc):\n"
        "    metafunc.parametrize('table', facts(metafunc.config)['tables'])\n\n\ndef test_table(table):\n    pass\n",
    )
    run = project.run(*rarely, tables=["public.x", "public.y", "public.z"])
    assert run.status == 0, run.output
    assert sum("test_table[public." in nodeid for nodeid in run.outcomes) == 3


def test_gates_are_found_from_a_folder_below(project, monkeypatch):
    (project.path / "src").mkdir()
    monkeypatch.chdir(project.path / "src")
    run = project.run()
    assert run.status == 0, run.output
    assert len(run.outcomes) == 6


def test_what_a_conftest_calls_as_we_call_ours_is_for_the_projects_gates_only(project, rarely):
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(
            "\n\n@pytest.fixture\ndef dbdeploy_plan(request):\n    log('theirs', nodeid=request.node.nodeid)\n"
        )
    project.gate("preflight", "pass", arguments="dbdeploy_plan")
    run = project.run(*rarely, built_in=True, check=False)
    used = {event["nodeid"].partition("/")[0] for event in run.events if event["event"] == "theirs"}
    assert used == {"gates"}, run.output
    assert "KeyError: 'dbdeploy_plan'" not in run.output


def test_autouse_fixtures_of_the_application_are_not_for_the_built_in_gates(project, rarely):
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(
            "\n\n@pytest.fixture(autouse=True)\ndef database(request):\n    log('autouse', nodeid=request.node.nodeid)\n"
        )
    run = project.run(*rarely, built_in=True, check=False)
    used = {event["nodeid"].partition("/")[0] for event in run.events if event["event"] == "autouse"}
    assert used == {"gates"}, run.output
    assert any(nodeid.startswith("dbdeploy/preflight/") for nodeid in run.outcomes)
