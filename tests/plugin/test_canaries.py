"""Private details of pytest and xdist that the session leans on: when one changes, this says which."""

import inspect
import io

import pytest


def test_pytest_tears_everything_down_for_an_item_without_a_chain():
    """``worker.Barrier``, and None, which ``controller._release_gates`` gives."""
    from _pytest.runner import SetupState

    class Item:
        down = False

        def listchain(self):
            return [self]

        def setup(self):
            """Nothing to do."""

        def teardown(self):
            self.down = True

    class WithoutChain(Item):
        def listchain(self):
            return []

    for following in (WithoutChain(), None):
        state, item = SetupState(), Item()
        state.setup(item)
        state.teardown_exact(following)
        assert item.down


def test_pytest_keeps_the_state_of_setups_on_the_session(request):
    assert callable(request.session._setupstate.teardown_exact)


def test_pytest_keeps_on_the_session_why_it_stops(request):
    assert request.session.shouldstop is False
    assert request.session.shouldfail is False
    assert isinstance(request.session.testsfailed, int)


def test_pytest_keeps_its_arguments_and_where_they_are_from(pytestconfig):
    assert isinstance(pytestconfig.args, list)
    assert isinstance(pytestconfig.args_source, pytest.Config.ArgsSource)
    assert pytest.Config.ArgsSource.ARGS


def test_pytest_imports_a_file_under_a_name_of_its_own(pytestconfig, tmp_path):
    from _pytest.pathlib import ImportMode, import_path

    path = tmp_path / "test_of_a_name_that_is_taken.py"
    path.write_text("here = 1\n")
    module = import_path(
        path, mode=ImportMode.importlib, root=pytestconfig.rootpath, consider_namespace_packages=False
    )
    assert module.here == 1


def test_pytest_asks_a_module_node_for_its_module(request, tmp_path):
    class Module(pytest.Module):
        def _getobj(self):
            return inspect

    assert Module.from_parent(request.session, path=tmp_path / "test_it.py").obj is inspect


def test_pluggy_shows_and_takes_the_writer_of_its_trace(pytestconfig):
    trace = type(pytestconfig.trace.root)()
    seen = []
    trace.setwriter(seen.append)
    trace._writer("text")
    assert seen == ["text"]
    assert hasattr(pytestconfig.trace.root, "_writer")


def test_the_terminal_knows_where_its_line_is(pytestconfig):
    from _pytest.terminal import TerminalReporter

    reporter = TerminalReporter(pytestconfig, io.StringIO())
    assert reporter.currentfspath is None
    assert reporter._tw.width_of_current_line == 0
    reporter.write("dots")
    assert reporter._tw.width_of_current_line == 4
    assert reporter._tw.fullwidth > 0


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


XDIST = """
import pytest
from xdist.workermanage import parse_tx_spec_config

def pytest_configure(config):
    if hasattr(config, "workerinput"):
        config.workerinput["canary"].send("from the worker")
        return
    config.pluginmanager.register(Controller(config), "canary")

class Controller:
    def __init__(self, config):
        self.config, self.heard = config, []

    def pytest_configure_node(self, node):
        assert isinstance(node.workerinput["mainargv"], list)
        node.workerinput["canary"] = node.gateway.newchannel()
        node.workerinput["canary"].setcallback(self.heard.append)

    def pytest_testnodeready(self, node):
        dsession = self.config.pluginmanager.getplugin("dsession")
        assert dsession.sched is not None
        assert len(parse_tx_spec_config(self.config)) == 1
        assert (dsession.shuttingdown, bool(dsession.shouldstop), node.shutting_down) == (False, False, False)
        assert callable(dsession.nodemanager.teardown_nodes)
        assert callable(node.send_runtest_some)

    def pytest_xdist_node_collection_finished(self, node, ids):
        assert self.heard == ["from the worker"]  # over its own channel, and before what was sent later over xdist's

    def pytest_testnodedown(self, node, error):
        assert error is None
"""


def test_xdist_has_what_the_session_asks_of_it(pytester):
    pytester.makeconftest(XDIST)
    pytester.makepyfile("def test_it():\n    pass\n")
    result = pytester.runpytest_subprocess("-n1", "-p", "no:randomly", timeout=60)
    assert result.ret == 0, result.stdout.str()


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
