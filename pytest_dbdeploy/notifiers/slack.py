"""Slack, by an incoming webhook: blocks within Slack's limits, a fallback text, a bar of colour."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from . import http
from .base import AlertMessage, Limits, facts, sections

if TYPE_CHECKING:
    from ..config.models import AlertSettings

_HEADER, _SECTION = 150, 3000
# Of 2000: an escaped character may take five.
_FIELD_VALUE = 380
# Slack refuses messages whose blocks have more than about 13,200 characters together (msg_blocks_too_long).
_TOGETHER = 12_000
_COLOUR = {"success": "#2eb886", "failure": "#daa038"}
_RED = "#d40e0d"


class Slack:
    name = "slack"

    def configured(self, alerts: AlertSettings) -> bool:
        return bool(alerts.slack)

    def send(self, alerts: AlertSettings, message: AlertMessage, limits: Limits) -> None:
        assert alerts.slack is not None
        http.post(alerts.slack, json.dumps(payload(message)).encode(), dict, limits)


NOTIFIER = Slack()


def payload(message: AlertMessage) -> dict[str, Any]:
    """The body of the request. A failed rollback calls everybody in the channel."""
    title = f"{'🚨 ' if message.urgent else ''}{message.title}"
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(title, _HEADER), "emoji": True}}
    ]
    if message.urgent:
        blocks.append(_section("<!channel> a person must look"))
    fields = [_mrkdwn(f"*{name}*\n{_escape(_cut(value, _FIELD_VALUE))}") for name, value in facts(message)]
    blocks.append({"type": "section", "fields": fields})
    left = _TOGETHER - len(title) - sum(len(field["text"]) for field in fields)
    details = []
    for name, lines in sections(message):
        text = _quoted(name, lines, min(_SECTION, left))
        left -= len(text)
        if text:
            details.append(_section(text))
    attachments = [
        {
            "color": _RED if message.urgent else _COLOUR[message.kind],
            "fallback": message.title,
            "blocks": details,
        }
    ]
    return {"text": _escape(message.title), "blocks": blocks, "attachments": attachments if details else []}


def _quoted(title: str, lines: Iterable[str], limit: int) -> str:
    """A title over a code block with as many whole lines as fit into ``limit`` characters; empty when none does."""
    head, end, more = f"*{title}*\n```", "```", "…\n"
    out = head
    for line in (part for text in lines for part in text.splitlines()):
        # Cut before it is escaped, so that no entity is cut in two; a fence in the text would end the block.
        escaped = _escape(_cut(line.replace("```", "'''"), 400)) + "\n"
        if len(out) + len(escaped) + len(more) + len(end) > limit:
            out += more
            break
        out += escaped
    return "" if len(out) + len(end) > limit else out + end


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
