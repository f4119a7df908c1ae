"""Private details of pytest and xdist that the session leans on: when one changes, this says which."""

import inspect

import pytest


def test_pytest_tears_everything_down_for_an_item_without_a_chain():
    from _pytest.runner import SetupState

    assert "nextitem.listchain()" in inspect.getsource(SetupState.teardown_exact)


def test_pytest_keeps_the_state_of_setups_on_the_session(request):
    assert hasattr(request.session, "_setupstate")


def test_pytest_parses_a_command_line_again(pytestconfig):
    given = pytestconfig._parser.parse_known_args(["-k", "x", "some/path"])
    assert (given.keyword, given.file_or_dir) == ("x", ["some/path"])


def test_pytest_lets_lists_of_the_ini_be_changed_in_place(pytestconfig):
    assert pytestconfig.getini("python_functions") is pytestconfig.getini("python_functions")
    assert isinstance(pytestconfig.getini("usefixtures"), list)


def test_junit_takes_texts_and_properties_of_a_test_case(tmp_path):
    from _pytest.junitxml import LogXML

    xml = LogXML(str(tmp_path / "junit.xml"), None, "suite", family="xunit2")
    xml.pytest_sessionstart()
    xml.add_global_property("name", "value")
    for when in ("setup", "call", "teardown"):
        report = pytest.TestReport("a.py::b", ("a.py", 1, "b"), {}, "passed", None, when)
        if when == "call":
            xml.node_reporter(report)._write_content(report, "a text", "system-out")
        xml.pytest_runtest_logreport(report)
    xml.pytest_sessionfinish()
    written = (tmp_path / "junit.xml").read_text()
    assert "a text" in written
    assert 'name="name" value="value"' in written


def test_xdist_reads_tests_finished_once_after_each_event():
    from xdist.dsession import DSession

    source = inspect.getsource(DSession.loop_once)
    assert source.count("tests_finished") == 1
    assert source.index("call(**kwargs)") < source.index("tests_finished")


def test_xdist_runs_whatever_index_it_is_sent():
    from xdist import remote

    source = inspect.getsource(remote.WorkerInteractor.run_one_test)
    assert "items = self.session.items" in source
    assert "items[self.item_index]" in source


def test_xdist_tells_of_a_worker_down_before_it_removes_it():
    from xdist.dsession import DSession

    for event in (DSession.worker_errordown, DSession.worker_workerfinished):
        source = inspect.getsource(event)
        assert source.index("pytest_testnodedown") < source.index("remove_node")


def test_xdist_has_what_the_scheduler_asks_for():
    from xdist.dsession import DSession
    from xdist.workermanage import WorkerController, parse_tx_spec_config

    assert callable(parse_tx_spec_config)
    assert isinstance(WorkerController.shutting_down, property)
    assert "shuttingdown" in inspect.getsource(DSession.__init__)
    assert "shouldstop" in inspect.getsource(DSession.pytest_runtestloop)


@pytest.mark.parametrize("prefix", [None, "ci"])
def test_the_junit_file_of_the_artifacts_is_what_pytest_would_have_written(tmp_path, prefix):
    from xml.etree import ElementTree

    from _pytest.junitxml import LogXML

    from pytest_dbdeploy.session.junit_artifact import ArtifactsXML

    def reports(name, *stages, node=None, properties=()):
        for when, outcome in stages:
            longrepr = {"passed": None, "skipped": ("a.py", 1, "Skipped: why")}.get(outcome, "it <failed>")
            report = pytest.TestReport(
                f"dbdeploy/a.py::{name}", ("a.py", 1, name), {}, outcome, longrepr, when, duration=0.25
            )
            report.node = node
            report.user_properties = list(properties)
            yield report

    passed = (("setup", "passed"), ("call", "passed"), ("teardown", "passed"))
    every = [
        *reports("test_passed[a-<b>\x00]", *passed),
        *reports("test_setup", ("setup", "failed"), ("teardown", "passed")),
        *reports("test_call", ("setup", "passed"), ("call", "failed"), ("teardown", "passed")),
        *reports("test_teardown", ("setup", "passed"), ("call", "passed"), ("teardown", "failed")),
        *reports("test_skipped", ("setup", "skipped"), ("teardown", "passed")),
        *reports("test_skipped_later", ("setup", "passed"), ("call", "skipped"), ("teardown", "passed")),
        *reports("test_properties", *passed, properties=[("key", "value")]),
        *reports("test_died", *passed[:2]),
        *reports("test_crashed", ("???", "failed")),
    ]
    one, two = (list(reports(f"test_{n}", *passed, node=n)) for n in "xy")
    every += [report for both in zip(one, two, strict=True) for report in both]  # as from two workers
    found = []
    for kind in (LogXML, ArtifactsXML):
        path = tmp_path / f"{kind.__name__}.xml"
        xml = kind(str(path), prefix, "suite", family="xunit2")
        xml.pytest_sessionstart()
        for report in every:
            xml.pytest_runtest_logreport(report)
        xml.pytest_sessionfinish()
        (suite,) = ElementTree.parse(path).getroot()
        counts = {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")}
        found.append((counts, sorted(ElementTree.tostring(case) for case in suite)))
    assert found[0] == found[1]
    assert len(found[0][1]) == 11
