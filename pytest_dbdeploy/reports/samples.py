"""``reports.samples``: what of users' rows may appear in reports and alerts. The server's messages quote values.

``none``: no value. ``keys`` (default): values of keys, which tell which row it is. ``values``: all.
"""

from __future__ import annotations

import re

_MASK = "…"
# DETAIL:  Failing row contains (7, ann@example.com, null).
_ROW = re.compile(r"(?m)(Failing row contains )\(.*\)")
# ERROR:  invalid input syntax for type integer: "12 apples"; value "99999999999" is out of range for type integer
_INPUT = re.compile(
    r'(?s)((?:invalid input (?:syntax for|value for)|out of range|malformed)[^"\n]*: )".*?"(?=\n|$|;|: | \(SQLSTATE )'
)
# DETAIL:  Token "apples" is invalid.
_TOKEN = re.compile(r'(Token )".*?"( is invalid)')
_VALUE = re.compile(r'(\bvalue )".*?"( is out of range| is too long)')
# DETAIL:  Key (email)=(ann@example.com) is duplicated.
_KEY = re.compile(
    r"(?m)(\([^()\n]+(?:\([^()\n]*\)[^()\n]*)*\)=)\(.*?\)(?=\.?$| is | already | conflicts | and | was | does |[.,;] )"
)


def presentable(text: str, samples: str) -> str:
    """``text`` without those values of users' rows that ``samples`` does not allow; it masks by the server's English messages."""
    if samples == "values":
        return text
    text = _ROW.sub(rf"\1({_MASK})", text)
    text = _INPUT.sub(rf'\1"{_MASK}"', text)
    text = _TOKEN.sub(rf'\1"{_MASK}"\2', text)
    text = _VALUE.sub(rf'\1"{_MASK}"\2', text)
    return text if samples == "keys" else _KEY.sub(rf"\1({_MASK})", text)
