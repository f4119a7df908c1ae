"""Every Python example of the documentation runs, in one real deployment."""

from __future__ import annotations

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.deploy.conftest import filled, make_project

__all__ = ["make_project"]  # a fixture

REPOSITORY = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(name: str) -> list[str]:
    return BLOCK.findall((REPOSITORY / name).read_text())


def files() -> dict[str, str]:
    """Path and text of each example of the pages on gates and on comparing; its first line is a comment with the path."""
    found = {}
    for text in blocks("docs/gates.md") + blocks("docs/compare.md"):
        first, _, rest = text.partition("\n")
        path = first.removeprefix("# ")
        assert path.endswith(".py"), f"an example without a path: {first}"
        assert path not in found, f"two examples of {path}"
        found[path] = rest
    return found


class Application(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def application():
    with ThreadingHTTPServer(("127.0.0.1", 0), Application) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("workers", ["0", pytest.param("2", marks=pytest.mark.slow)])
def test_every_example_of_the_gates_page_runs_in_a_deployment(make_project, postgres17, application, workers):
    project = filled(make_project(postgres17.owner_database()))
    assert project.deploy(DEV_URL=application).status == 0, (
        "the first deployment, with the built-in gates only"
    )
    project.migration("0002_phone", "alter table users add column phone text;\n")
    for path, text in files().items():
        project.write(path, text)
    (readme,) = [text for text in blocks("README.md") if "def test_" in text]
    project.write("gates/sandbox/test_readme.py", readme)
    required = re.search(
        r"^```yaml\n(gates:.*?)^```$", (REPOSITORY / "docs/gates.md").read_text(), re.DOTALL | re.MULTILINE
    )
    project.write("dbdeploy.yaml", "environments: {dev: {}}\n" + required[1])

    result = project.deploy("-n", workers, DEV_URL=application)

    assert result.ended == (0, "deployed")
    ours = {g["nodeid"]: g["outcome"] for g in result.report["gates"] if g["nodeid"].startswith("gates/")}
    expected = {path for path in files() if path.startswith("gates/")} | {"gates/sandbox/test_readme.py"}
    assert {nodeid.partition("::")[0] for nodeid in ours} == expected
    not_here = {nodeid for nodeid, outcome in ours.items() if outcome == "not_applicable"}
    assert not_here == {"gates/sandbox/test_search.py::test_the_search_index_is_used"}
    assert {outcome for nodeid, outcome in ours.items() if nodeid not in not_here} == {"passed"}
    assert sum("test_no_table_loses_rows[public." in nodeid for nodeid in ours) == 2
    assert (project.root / "last-outcome.txt").read_text() == "deployed 0\n"
    assert "dev" in (project.root / "diary.txt").read_text()
