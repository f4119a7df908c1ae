"""Runs git by GitPython: never asks for a password, never waits for ever, never shows a token."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from ..errors import ToolError
from ..secret import redactor

_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "GIT_MERGE_AUTOEDIT": "no",
    # "status" would else refresh, that is write, the user's index.
    "GIT_OPTIONAL_LOCKS": "0",
    # A transfer that stands still for half a minute is given up.
    "GIT_HTTP_LOW_SPEED_LIMIT": "1",
    "GIT_HTTP_LOW_SPEED_TIME": "30",
}
_NETWORK = {"ls-remote", "fetch", "push"}
#: Seconds after which a transfer, or a hook on the server, is given up.
_PATIENCE = 600.0
_SSH = "ssh -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=10"


class GitMissingError(ToolError):
    """There is no git."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``error`` is redacted; ``output`` is as git gave it."""

    status: int
    output: str
    error: str

    @property
    def ok(self) -> bool:
        return self.status == 0

    @property
    def line(self) -> str:
        return self.output.strip()


def git(rootdir: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Answer:
    """Runs git in ``rootdir``. GitMissingError when it is not installed; any other failure is in the answer.

    ``environment``: more variables; secrets go there and not into the arguments, which every user of the machine can see.
    """
    missing = GitMissingError(
        "git is not installed", hint="Install git, or remove the environment's branch from dbdeploy.yaml."
    )
    # GitPython looks for git when it is imported, and complains in its own words.
    before = os.environ.get("GIT_PYTHON_REFRESH")
    os.environ["GIT_PYTHON_REFRESH"] = "quiet"
    try:
        from git.cmd import Git
        from git.exc import GitCommandNotFound
    except ImportError:
        raise missing from None
    finally:
        if before is None:
            del os.environ["GIT_PYTHON_REFRESH"]
        else:
            os.environ["GIT_PYTHON_REFRESH"] = before
    network = arguments[0] in _NETWORK
    variables = {**_ENVIRONMENT, **(environment or {})}
    if network and not _own_ssh(rootdir):
        variables["GIT_SSH_COMMAND"] = _SSH
    try:
        with _no_timer_left():
            answer = Git(rootdir).execute(
                ["git", *arguments],
                with_extended_output=True,
                with_exceptions=False,
                strip_newline_in_stdout=False,
                env=variables,
                # not on Windows, where GitPython cannot
                kill_after_timeout=_PATIENCE if network and os.name == "posix" else None,
            )
    except (GitCommandNotFound, FileNotFoundError):
        raise missing from None
    assert isinstance(answer, tuple)
    status, output, error = answer
    return Answer(status, _text(output), redactor.redact(_text(error)))


@contextmanager
def _no_timer_left() -> Iterator[None]:
    """An interrupt leaves GitPython's timer running: it would keep this process for ``kill_after_timeout``, and then kill what has git's number."""
    before = threading.enumerate()
    try:
        yield
    finally:
        for thread in threading.enumerate():
            if isinstance(thread, threading.Timer) and thread not in before:
                thread.cancel()


def _own_ssh(rootdir: Path) -> bool:
    """Whether the user or the CI job says how ssh is called: the variable would beat ``core.sshCommand``."""
    by_variable = "GIT_SSH_COMMAND" in os.environ or "GIT_SSH" in os.environ
    return by_variable or git(rootdir, "config", "--get", "core.sshCommand").ok


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", errors="surrogateescape")


# -- remotes


@dataclass(frozen=True, slots=True)
class Remote:
    """A remote, reached without its token in any argument list: git would hand the whole URL to its helper programs.

    ``name``: as git is told it. ``shown``: for people and files. ``environment``: what replaces the URLs by ones without the
    token, and answers git when it asks for it.
    """

    rootdir: Path
    name: str
    shown: str
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, rootdir: Path, remote: str) -> Remote:
        """``remote``: a name or a URL. Registers what HTTP URLs hold beside the host, so that it is masked wherever it appears."""
        if "://" in remote:
            clean, token = _split(remote)
            return cls(rootdir, clean, masked(remote), _environment([], [token] if token else []))
        rules: list[tuple[str, str]] = []
        tokens: list[_Token] = []
        written = _lines(rootdir, "config", "--get-all", f"remote.{remote}.url")
        pushed = _lines(rootdir, "config", "--get-all", f"remote.{remote}.pushurl") or written
        # The push URL's token first: whoever may push may also read.
        for raws, kind in ((pushed, ("--push",)), (written, ())):
            for raw, url in zip(
                raws, _lines(rootdir, "remote", "get-url", "--all", *kind, remote), strict=False
            ):
                clean, token = _split(url)
                if token is None:
                    continue
                tokens.append(token)
                # The longest rule wins: also over one of the user's that brings the token in.
                rules += [(f"url.{clean}.insteadOf", raw), (f"url.{clean}.pushInsteadOf", raw)]
        return cls(rootdir, remote, masked(remote), _environment(rules, tokens))

    def git(self, command: str, *arguments: str) -> Answer:
        """Runs a command that talks to the remote; ``arguments`` name it as ``name``."""
        return git(self.rootdir, command, *arguments, environment=self.environment)


@dataclass(frozen=True, slots=True)
class _Token:
    origin: str
    user: str
    password: str


def masked(remote: str) -> str:
    """A remote for messages and files: a URL may hold a token."""
    return re.sub(r"(?<=://)[^/@]*@", "***@", remote)


def _split(url: str) -> tuple[str, _Token | None]:
    """The URL without the userinfo of HTTP, and that."""
    found = re.match(r"(?i)(https?://)([^/@]*)@([^/]*)", url)
    if found is None:
        return url, None
    scheme, userinfo, host = found.groups()
    user, _, password = userinfo.partition(":")
    if password or len(user) > 8:  # "git@" is no secret, and would be masked wherever it stands
        redactor.register(url)
    return scheme + url[found.start(3) :], _Token(scheme + host, unquote(user), unquote(password))


def _environment(rules: list[tuple[str, str]], tokens: list[_Token]) -> dict[str, str]:
    """Configuration by variables, after what is there (CI jobs bring safe.directory this way)."""
    settings = list(rules)
    variables: dict[str, str] = {}
    for number, token in enumerate({token.origin: token for token in reversed(tokens)}.values()):
        user, password = f"DBDEPLOY_GIT_USER_{number}", f"DBDEPLOY_GIT_PASSWORD_{number}"
        variables |= {user: token.user, password: token.password}
        helper = f'!f() {{ test "$1" = get && printf \'username=%s\\npassword=%s\\n\' "${user}" "${password}"; }}; f'
        key = f"credential.{token.origin}.helper"
        settings += [(key, ""), (key, helper)]  # an empty one takes away those of the user
    if not settings:
        return {}
    first = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    for number, (key, value) in enumerate(settings, first):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return {**variables, "GIT_CONFIG_COUNT": str(first + len(settings))}


def _lines(rootdir: Path, *arguments: str) -> list[str]:
    return git(rootdir, *arguments).output.splitlines()


# -- messages


def first_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[0].removeprefix("fatal: ")


def verdict_line(text: str) -> str:
    """The line that says what is wrong: git's own verdict, else the last one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return re.sub("^(fatal|error): ", "", (fatal or lines[-1:] or ["no message"])[0])


def hint_for_owner(error: str) -> str:
    return (
        " (git config --global --add safe.directory <folder> allows it)"
        if "dubious ownership" in error
        else ""
    )
