"""Splits SQL scripts into statements by psql's own rules (its lexer, psqlscan.l), with the place of each.

Quotes of every kind, dollar quotes, nested comments, parentheses (CREATE RULE) and BEGIN ATOMIC bodies hide semicolons; lines of
``COPY ... FROM STDIN`` data are no SQL; backslash commands are psql's. The server judges SQL: nothing here says whether it is valid.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, pairwise

from ..model import Statement

_WORD = r"[A-Za-z_\u0080-\U0010ffff][A-Za-z_0-9$\u0080-\U0010ffff]*+"
_TOKEN = re.compile(
    rf"""
      (?P<space>[ \t\n\r\f\v]++|--[^\n\r]*+)
    | (?P<block>/\*)
    | (?P<escape>[eE]'(?:[^'\\]++|\\.|'')*+'?)
    | (?P<string>(?:[uU]&|[nNbBxX])?'[^']*+(?:''[^']*+)*+'?)
    | (?P<quoted>(?:[uU]&)?"[^"]*+(?:""[^"]*+)*+"?)
    | (?P<dollar>\$(?:[A-Za-z_\u0080-\U0010ffff][A-Za-z_0-9\u0080-\U0010ffff]*+)?\$)
    | (?P<number>\$?[0-9]++(?:{_WORD})?)
    | (?P<word>{_WORD})
    | (?P<variable>::|:=|:[A-Za-z_0-9\u0080-\U0010ffff]*+)
    | (?P<open>\() | (?P<close>\)) | (?P<semicolon>;)
    | (?P<escaped>\\[;:]) | (?P<meta>\\)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ANY_WORD = re.compile(r"\w+")
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_META_NAME = re.compile(r"[^\s\\]*+")
# Arguments end at an unquoted backslash, where the next command (or, after a double one, SQL) begins.
_META_ARGUMENTS = re.compile(
    r"""(?:[^\n\\'"`]++|'(?:[^'\\\n]|\\[^\n]|'')*+'|"[^"\n]*+"|`[^`\n]*+`|['"`][^\n]*+)*+"""
)
_WHOLE_LINE = frozenset({"!", "copy", "h", "help", "ef", "ev", "sf", "sv"})
_SENDS = frozenset({"g", "gx", "gset", "gexec", "gdesc", "crosstabview", "watch"})
_COPY_DATA_END = re.compile(r"^\\\.\r?(?:\n|\Z)", re.MULTILINE)
_TRACKED = frozenset({"create", "or", "replace", "function", "procedure"})
_ROUTINE = re.compile(r"c(?:or)?[fp]")


@dataclass(frozen=True, slots=True)
class MetaCommand:
    """A psql command: ``name`` without its backslash, ``arguments`` as written; 1-based line and column of the backslash."""

    name: str
    arguments: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Script:
    """``unterminated``: what is still open at the end (``'``, ``"``, ``/*``, ``(``, ``BEGIN`` or a dollar tag) with line and column, or None:
    the rest of the text is then one statement, as it is for psql.
    """

    statements: tuple[Statement, ...]
    meta: tuple[MetaCommand, ...] = ()
    unterminated: tuple[str, int, int] | None = None


def split(text: str) -> list[Statement]:
    """The statements of ``text``, without their semicolon, and without comments before and after them."""
    return list(scan(text).statements)


def scan(text: str) -> Script:
    """Statements, psql commands and COPY data of ``text``."""
    return _Scanner(text).run()


class Places:
    """Offsets of a text as 1-based (line, column); lines end with a line feed, columns count characters."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]

    def __call__(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


class _Scanner:
    """One pass over the text. What psql takes out of the middle of a statement (its commands, COPY data) is cut out of ``text``."""

    def __init__(self, text: str) -> None:
        self.text = text.removeprefix("\ufeff")
        self.place = Places(self.text)
        self.cuts: list[tuple[int, int]] = []  # (offset in self.text, characters taken out there)
        self.position = 0
        self.statements: list[Statement] = []
        self.meta: list[MetaCommand] = []
        self.unterminated: tuple[str, int, int] | None = None
        self.quit = False
        self.reset()

    def reset(self) -> None:
        self.start: int | None = None
        self.end = 0
        self.parens: list[int] = []
        self.begins: list[int] = []
        self.leading = ""  # initials of the first four words, as psql remembers them
        self.words = 0
        self.copy: list[str] | None = None  # the words of a COPY, outside its parentheses

    def run(self) -> Script:
        while self.position < len(self.text) and not self.quit:
            token = _TOKEN.match(self.text, self.position)
            assert token is not None  # the last alternative takes any character
            self.position = token.end()
            self.take(str(token.lastgroup), token[0], token.start())
        if self.start is not None and not self.quit:
            self.find_open_bracket()
            self.finish()
        return Script(tuple(self.statements), tuple(self.meta), self.unterminated)

    def take(self, kind: str, token: str, start: int) -> None:
        if kind == "space":
            return
        if kind == "block":
            self.block_comment(start)
            return
        if kind == "meta":
            self.meta_command(start)
            return
        if kind == "escaped" and (token == "\\:" or self.parens or self.begins):
            self.cut(start, start + 1)
            self.position = start
            return
        if kind in ("semicolon", "escaped") and not self.parens and not self.begins:
            # psql sends what \; joins as one message; here too each statement is one.
            self.finish()
            return
        if self.start is None:
            self.start = start
        if kind == "word":
            self.word(token.lower(), start)
        elif kind == "open":
            self.parens.append(start)
        elif kind == "close":
            if self.parens:
                self.parens.pop()
        elif kind == "dollar":
            self.dollar_quote(token, start)
        elif kind in ("escape", "string", "quoted"):
            quote = '"' if kind == "quoted" else "'"
            if not _closed(kind, token, quote):
                self.leave_open(quote, start)
        elif self.copy is not None:
            self.copy.append(token)
        self.end = max(self.end, self.position)

    def word(self, word: str, start: int) -> None:
        """psql's guess at BEGIN ATOMIC: in CREATE [OR REPLACE] FUNCTION|PROCEDURE, BEGIN and CASE open what END closes."""
        if self.words < 4:
            self.leading += word[0] if word in _TRACKED else "-"
        self.words += 1
        if self.parens:
            return
        if _ROUTINE.match(self.leading):
            if word == "begin" or (word == "case" and self.begins):
                self.begins.append(start)
            elif word == "end" and self.begins:
                self.begins.pop()
        elif word == "copy" and start == self.start:
            self.copy = []
        elif self.copy is not None:
            self.copy.append(word)

    def block_comment(self, start: int) -> None:
        depth = 1
        while depth:
            edge = _COMMENT_EDGE.search(self.text, self.position)
            if edge is None:
                self.leave_open("/*", start)
                if self.start is None:
                    self.start = start
                self.end = self.position
                return
            depth += 1 if edge[0] == "/*" else -1
            self.position = edge.end()

    def dollar_quote(self, tag: str, start: int) -> None:
        end = self.text.find(tag, self.position)
        if end < 0:
            self.leave_open(tag, start)
        else:
            self.position = end + len(tag)

    def leave_open(self, what: str, start: int) -> None:
        self.position = len(self.text)
        self.unterminated = (what, *self.where(start))

    def find_open_bracket(self) -> None:
        if self.unterminated is None and (self.parens or self.begins):
            what, start = ("(", self.parens[0]) if self.parens else ("BEGIN", self.begins[0])
            self.unterminated = (what, *self.where(start))

    def finish(self) -> None:
        """Ends the statement at hand, if there is one; the lines after a COPY's are its data."""
        if self.start is not None:
            line, column = self.where(self.start)
            sql = self.text[self.start : self.end]
            data = self.cut_copy_data() if ("from", "stdin") in pairwise(self.copy or ()) else None
            self.statements.append(Statement(sql, line, column, data))
        self.reset()

    def cut_copy_data(self) -> str:
        newline = self.text.find("\n", self.position)
        if newline < 0:
            return ""
        end = _COPY_DATA_END.search(self.text, newline + 1)
        data = self.text[newline + 1 : end.start() if end else None]
        self.cut(newline + 1, end.end() if end else len(self.text))
        return data

    def meta_command(self, start: int) -> None:
        name = _match(_META_NAME, self.text, start + 1)
        arguments_start = start + 1 + len(name)
        if name in _WHOLE_LINE or name.startswith("!"):
            newline = self.text.find("\n", arguments_start)
            end = len(self.text) if newline < 0 else newline
        else:
            end = arguments_start + len(_match(_META_ARGUMENTS, self.text, arguments_start))
        arguments = self.text[arguments_start:end].strip()
        self.meta.append(MetaCommand(name, arguments, *self.where(start)))
        if name == "copy" and re.search(r"\bfrom\s+p?stdin\b", arguments, re.IGNORECASE):
            self.position = end
            self.cut_copy_data()
        if self.text.startswith("\\\\", end):
            end += 2
        self.cut(start, end)
        self.position = start
        if name in _SENDS:
            self.finish()
        elif name in ("r", "reset"):
            self.reset()
        elif name in ("q", "quit"):
            self.quit = True

    def cut(self, start: int, end: int) -> None:
        self.cuts.append((start, end - start))
        self.text = self.text[:start] + self.text[end:]

    def where(self, offset: int) -> tuple[int, int]:
        return self.place(offset + sum(length for position, length in self.cuts if position <= offset))


def _closed(kind: str, token: str, quote: str) -> bool:
    """Whether a quoted token has its closing quote: the pattern takes the rest of the text when there is none."""
    body = token[token.index(quote) + 1 :]
    if kind == "escape":
        return bool(re.fullmatch(r"(?:[^'\\]++|\\.|'')*+'", body, re.DOTALL))
    return body.count(quote) % 2 == 1


def _match(pattern: re.Pattern[str], text: str, position: int) -> str:
    match = pattern.match(text, position)
    return match[0] if match else ""


def words(sql: str) -> frozenset[str]:
    """The words of a statement, in lower case, those in literals and comments too: a quick look at what it may be about."""
    return frozenset(_ANY_WORD.findall(sql.lower()))
