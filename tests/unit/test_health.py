"""Health checks against real servers, good and bad ones."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
import time

import pytest

from pytest_dbdeploy.config.models import Health
from pytest_dbdeploy.health import HealthCheck, check_health
from pytest_dbdeploy.model import as_json

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def status(code, *headers):
    lines = [f"HTTP/1.1 {code} X", "Content-Length: 0", *headers, "", ""]
    return "\r\n".join(lines).encode()


@contextlib.contextmanager
def serving(answer, context=None):
    """A server on which ``answer(connection, number)`` writes; yields its port and the requests that it got."""
    listener = socket.create_server(("127.0.0.1", 0))
    requests, ended = [], threading.Event()

    def one(connection):
        with contextlib.suppress(OSError), connection:
            if context is not None:
                connection = context.wrap_socket(connection, server_side=True)
            requests.append(connection.recv(65536).decode("latin-1"))
            answer(connection, len(requests), ended)

    def run():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=one, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], requests
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def check(port, *, patient=True, scheme="http", **settings):
    health = Health.model_validate({"timeout": "20s", "interval": "50ms", "path": "/ready", **settings})
    return check_health(f"{scheme}://127.0.0.1:{port}/", health, patient=patient)


def sending(*answers):
    """The answers in turn, the last one again and again."""
    return lambda connection, number, ended: connection.sendall(answers[min(number, len(answers)) - 1])


def test_the_first_good_answer_is_enough_and_headers_go_along():
    with serving(sending(OK)) as (port, requests):
        found = check(port, headers={"X-Key": "secret-value"})
    assert (found.healthy, found.message) == (True, "GET /ready answered 200")
    assert requests[0].startswith("GET /ready HTTP/1.1\r\n")
    assert "X-Key: secret-value" in requests[0]
    assert len(requests) == 1


def test_an_application_that_starts_is_waited_for_and_each_distinct_answer_is_told_with_its_times():
    with serving(sending(status(503), status(503), status(500), OK)) as (port, _):
        found = check(port)
    assert found.healthy
    assert [(one.message, one.healthy, one.times) for one in found.seen] == [
        ("GET /ready answered 503, expected 200", False, 2),
        ("GET /ready answered 500, expected 200", False, 1),
        ("GET /ready answered 200", True, 1),
    ]
    assert "answered 503, expected 200 (from 0.0 to" in found.account
    assert HealthCheck.from_json(as_json(found)) == found


def test_it_must_stay_healthy_for_the_whole_time():
    with serving(sending(OK, status(500), OK)) as (port, requests):
        found = check(port, stable_for="300ms")
    assert found.healthy
    assert len(requests) >= 4, "the first good answer did not count"


def test_one_that_never_stays_healthy_says_so():
    flapping = lambda connection, number, ended: connection.sendall(OK if number % 2 else status(500))  # noqa: E731
    with serving(flapping) as (port, _):
        found = check(port, timeout="1s", stable_for="500ms")
    assert not found.healthy


def test_a_refused_connection_is_said_in_words():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found = check(port, patient=False)
    assert (found.healthy, found.message) == (False, "GET /ready gave no answer: connection refused")


def test_a_redirect_is_no_health_unless_it_is_expected_and_its_query_is_not_told():
    with serving(sending(status(302, "Location: /login?token=abc"))) as (port, requests):
        found = check(port, patient=False)
        assert found.message == "GET /ready answered 302 (to /login), expected 200"
        assert check(port, expect_status=302).healthy
    assert all(request.startswith("GET /ready ") for request in requests), "it is not followed"


@pytest.mark.parametrize("part", ["head", "body"])
def test_the_time_holds_while_bytes_trickle_in(part):
    def trickle(connection, number, ended):
        if part == "body":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not ended.wait(0.02):
            connection.sendall(b"x")

    with serving(trickle) as (port, _):
        started = time.monotonic()
        found = check(port, timeout="500ms")
        assert time.monotonic() - started < 20, "it would be for ever"
    assert not found.healthy
    assert "gave no whole answer within" in found.message


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok", "broke off in the middle of its answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "broke off in the middle of its answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", "content that cannot be decoded"),
        (b"SSH-2.0-OpenSSH\r\n", "gave no answer"),
        (b"", "closed the connection without an answer"),
    ],
    ids=["short", "chunks", "gzip", "another-protocol", "nothing"],
)  # fmt: skip
def test_bad_content_is_no_health(answer, said):
    with serving(sending(answer)) as (port, _):
        found = check(port, patient=False)
    assert not found.healthy
    assert said in found.message


@pytest.fixture(scope="module")
def self_signed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
         "-subj", "/CN=127.0.0.1", "-days", "2"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_tls_errors_are_said_in_words(self_signed):
    with serving(sending(OK), self_signed) as (port, _):
        found = check(port, scheme="https", patient=False)
    assert found.message == "GET /ready gave no answer: TLS: its certificate is self-signed"
    with serving(sending(OK)) as (port, _):
        found = check(port, scheme="https", patient=False)
    assert "TLS: " in found.message


def test_the_baseline_takes_the_first_good_of_three_answers():
    with serving(sending(status(500), OK)) as (port, _):
        assert check(port, patient=False).healthy
    with serving(sending(status(500))) as (port, requests):
        assert not check(port, patient=False).healthy
    assert len(requests) == 3
