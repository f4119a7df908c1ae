"""Ways by which pytest and xdist themselves would hand secrets on: the debug log, and the command line that workers are given."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Callable, Iterable, Iterator

import pytest

from ..options import COMPARE
from ..secret import MASK, redactor


def clean_debug_log(config: pytest.Config) -> None:
    """``pytest --debug`` writes every hook call with its arguments, which may hold a database's URL."""
    write = getattr(config.trace.root, "_writer", None)
    if config.option.debug and write is not None:
        config.trace.root.setwriter(lambda text: write(redactor.redact(text)))


# pytest shortens long values in the middle, maybe in the middle of a password.
_CUT_URL = re.compile(
    r"""(?i)(postgres(?:ql)?(?:\+\w+)?://[^\s:@/?#"']*:)[^\s@"'<>\\]*\.\.\.(?:[^\s@"'<>\\/]*@)?"""
)
_CUT_PASSWORD = re.compile(r"""\.\.\.[^\s@"'<>\\/]+@(?=[\w.\[-]+[:/])""")


def shown_by_a_gate(text: str) -> str:
    """Without secrets, and without the halves of passwords that stand at the ``...`` of a shortened value."""
    text = redactor.redact(text)
    if "..." in text:
        text = _CUT_URL.sub(rf"\g<1>{MASK}...", text)
        text = _CUT_PASSWORD.sub(f"...{MASK}@", text)
    return text


def clean_logs(config: pytest.Config) -> None:
    """Live logs and ``--log-file`` are written while a gate runs, past its reports."""
    plugin = config.pluginmanager.getplugin("logging-plugin")
    for name in ("log_cli_handler", "log_file_handler"):
        handler = getattr(plugin, name, None)
        if handler is not None:
            handler.format = _redacting(handler.format)


def _redacting(written: Callable[[logging.LogRecord], str]) -> Callable[[logging.LogRecord], str]:
    return lambda record: redactor.redact(written(record))


def hide_from_workers(config: pytest.Config) -> None:
    """xdist sends the command line on; workers need no database URL of a comparison: they are sent theirs over a private channel."""
    given = config.invocation_params
    config.invocation_params = dataclasses.replace(given, args=tuple(without_urls(map(str, given.args))))


def without_urls(words: Iterable[str]) -> Iterator[str]:
    """A command line in which the URLs of ``--dbdeploy-compare`` read ``url-1``, ``url-2``: still two sides that differ."""
    number, before = 0, ""
    for word in words:
        flag, equals, value = word.partition("=")
        text = word
        if before == COMPARE.flag and "://" in word:
            number += 1
            text = f"url-{number}"
        elif flag == COMPARE.flag and equals and "://" in value:
            number += 1
            text = f"{flag}=url-{number}"
        yield text
        before = word
