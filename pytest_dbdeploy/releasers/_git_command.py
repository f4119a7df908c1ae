"""Runs git by GitPython: never asks for a password, never waits for ever, never shows a token."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

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


def git(rootdir: Path, *arguments: str) -> Answer:
    """Runs git in ``rootdir``. GitMissingError when it is not installed; any other failure is in the answer."""
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
    environment = dict(_ENVIRONMENT)
    if arguments[0] in _NETWORK and not _own_ssh(rootdir):
        environment["GIT_SSH_COMMAND"] = _SSH
    try:
        answer = Git(rootdir).execute(
            ["git", *arguments],
            with_extended_output=True,
            with_exceptions=False,
            strip_newline_in_stdout=False,
            env=environment,
        )
    except (GitCommandNotFound, FileNotFoundError):
        raise missing from None
    assert isinstance(answer, tuple)
    status, output, error = answer
    return Answer(status, _text(output), redactor.redact(_text(error)))


def _own_ssh(rootdir: Path) -> bool:
    """Whether the user or the CI job says how ssh is called: the variable would beat ``core.sshCommand``."""
    by_variable = "GIT_SSH_COMMAND" in os.environ or "GIT_SSH" in os.environ
    return by_variable or git(rootdir, "config", "--get", "core.sshCommand").ok


def register_tokens(rootdir: Path, remote: str) -> None:
    """Registers what HTTP URLs of the remote hold beside the host, so that it is masked wherever git repeats it."""
    urls = [remote]
    for push in ((), ("--push",)):
        urls += git(rootdir, "remote", "get-url", "--all", *push, remote).output.splitlines()
    for url in urls:
        if re.match(r"(?i)https?://[^/]*@", url):
            redactor.register(url)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", errors="surrogateescape")
