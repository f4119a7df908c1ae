"""The application beside the database: a deployment that makes it unhealthy is rolled back."""

import contextlib
import http.server
import threading

import pytest


class Application(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("X-Token")))
        self.server.headers.append(dict(self.headers))
        self.send_response(self.server.status())
        self.end_headers()

    def log_message(self, *arguments):
        """Quiet."""


@contextlib.contextmanager
def serving(status):
    """An HTTP server that answers with what ``status()`` says."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application)
    server.status, server.asked, server.headers = status, [], []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def healthy_without_phone(project):
    """An application that breaks when users get a phone."""

    def status():
        found = project.sql(
            "select 1 from information_schema.columns where table_name = 'users' and column_name = 'phone'"
        )
        return 500 if found else 204

    return status


def settings(project, more=""):
    project.write(
        "dbdeploy.yaml",
        "environments:\n  dev:\n    app_url: ${DEV_URL}\n"
        f"    health: {{path: /ready, expect_status: 204, headers: {{X-Token: geheim-geheim}}, timeout: 1s, interval: 100ms{more}}}\n",
    )


def url(server):
    return f"http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize("workers", ["0", pytest.param("2", marks=pytest.mark.slow)])
def test_an_application_that_is_unhealthy_after_the_deployment_has_it_rolled_back(deployed, workers):
    settings(deployed)
    deployed.migration("0002_phone", "alter table users add phone text;\n")
    with serving(healthy_without_phone(deployed)) as server:
        result = deployed.deploy("-n", workers, DEV_URL=url(server))
    assert result.ended == (11, "rolled_back")
    gate = next(g for g in result.report["gates"] if "postdeploy/test_application.py" in g["nodeid"])
    assert gate["outcome"] == "failed"
    assert "answered 500, expected 204" in gate["message"]
    assert set(server.asked) == {("/ready", "geheim-geheim")}
    assert "geheim-geheim" not in result.output
    assert deployed.sql("select count(*) from information_schema.columns where column_name = 'phone'") == [
        (0,)
    ]


def test_an_application_that_stays_healthy_is_asked_before_and_after(deployed):
    settings(deployed, ", stable_for: 300ms")
    deployed.migration("0002_phone", "alter table users add phone text;\n")
    with serving(lambda: 204) as server:
        result = deployed.deploy(DEV_URL=url(server))
    assert result.ended == (0, "deployed")
    assert len(server.asked) >= 3
    assert all(
        g["outcome"] == "passed" for g in result.report["gates"] if "test_application.py" in g["nodeid"]
    )


def test_an_application_that_was_unhealthy_before_is_a_warning_and_no_reason_to_roll_back(deployed):
    settings(deployed)
    deployed.migration("0002_phone", "alter table users add phone text;\n")
    with serving(lambda: 503) as server:
        result = deployed.deploy(DEV_URL=url(server))
    assert result.ended == (0, "deployed")
    before, after = (g for g in result.report["gates"] if "test_application.py" in g["nodeid"])
    assert (before["phase"], before["outcome"]) == ("preflight", "warned")
    assert (after["phase"], after["outcome"]) == ("postdeploy", "not_applicable")
    assert "answered 503" in " ".join(result.output.split()), "in the final section, wrapped"
