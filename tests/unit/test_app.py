"""The client that ``dbdeploy_app`` hands to gates, against real HTTP servers."""

import http.server
import threading
from contextlib import contextmanager

import pytest

from pytest_dbdeploy.session.handles import App


@contextmanager
def serving(location=None):
    """A server that redirects to ``location``, or answers; (address, headers that it was sent)."""
    sent = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            sent.append(dict(self.headers))
            self.send_response(302 if location else 200)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", sent
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_what_opens_the_application_goes_with_each_request_to_it_and_to_no_other_host():
    with (
        serving() as (other, sent_to_other),
        serving(other.replace("127.0.0.1", "localhost")) as (address, sent),
        App(address, timeout=5, headers={"X-Open": "sesame-sesame"}) as app,
    ):
        assert app.get("/here").status_code == 200
    assert [headers.get("X-Open") for headers in sent] == ["sesame-sesame"]
    assert [headers.get("X-Open") for headers in sent_to_other] == [None]


def test_no_answer_fails_the_gate_without_the_password_of_the_address():
    with App("http://u:geheim@127.0.0.1:1", timeout=1) as app, pytest.raises(pytest.fail.Exception) as failed:
        app.get("/x")
    assert "gave no answer" in str(failed.value)
    assert "geheim" not in str(failed.value)
