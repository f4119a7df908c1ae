"""A YAML file as a tree of texts with line numbers.

Scalars stay texts, but for null, true and false (YAML 1.2): the models read numbers and dates, so ``on:`` is a key, ``0007`` a
name, and ``${VAR}`` can stand for a value of any type. ``${…}`` is set aside before YAML sees the text: a flow mapping
(``{url: ${VAR:-}}``) could not hold it, and what a variable holds can never become YAML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from ..errors import ConfigError
from .problems import Problem, config_error


@dataclass(frozen=True, slots=True)
class Template:
    """A scalar: ``parts`` are literal texts and, marked by ``variable``, what stood between ``${`` and ``}``."""

    parts: tuple[tuple[str, bool], ...]

    @property
    def plain(self) -> str | None:
        """The text, when there is nothing to fill in."""
        return (
            None if any(variable for _, variable in self.parts) else "".join(text for text, _ in self.parts)
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's place (1-based line) and its value."""

    line: int
    node: Node


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its 1-based line: None, a bool, a scalar, a sequence or a mapping."""

    line: int
    value: bool | Template | list[Node] | dict[str, Entry] | None = field(repr=False)

    def find(self, path: tuple[str | int, ...]) -> tuple[Node | None, int]:
        """The node at ``path`` and its line; (None, the line of the nearest one above) when there is none."""
        node, line = self, self.line
        for key in path:
            if isinstance(node.value, dict) and key in node.value:
                entry = node.value[str(key)]
                node, line = entry.node, entry.line
            elif isinstance(node.value, list) and isinstance(key, int) and key < len(node.value):
                node = node.value[key]
                line = node.line
            else:
                return None, line
        return node, line


def read_document(path: Path, shown: str) -> Node:
    """The tree of the file; ``shown`` is how messages call it. ConfigError with file and line for whatever is wrong."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"{shown} cannot be read: {error.strerror}.",
            hint="Give another file with --dbdeploy-config=FILE.",
        ) from error
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise config_error(shown, [Problem(line, (), "the file is not UTF-8", "Save it as UTF-8.")]) from None
    return _Reader(shown, text).read()


_OPEN, _CLOSE = "\ue000", "\ue001"  # private-use characters: YAML allows them, and nobody writes them
_PLACEHOLDER = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")
_SCALAR_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "merge")
)
_MOST_NODES = 100_000  # aliases of aliases can make a small file endless


class _Loader(yaml.SafeLoader):
    """Resolves only null, true, false and the merge key."""


_Loader.yaml_implicit_resolvers = {}
for _pattern, _tag, _first in (
    (r"(?:~|null|Null|NULL|)\Z", "null", ["~", "n", "N", ""]),
    (r"(?:true|True|TRUE|false|False|FALSE)\Z", "bool", list("tTfF")),
    (r"<<\Z", "merge", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


class _Reader:
    def __init__(self, shown: str, text: str) -> None:
        self.shown = shown
        self.text = text
        self.aside: list[tuple[str, bool]] = []  # what placeholders stand for
        self.nodes = 0

    def read(self) -> Node:
        if _OPEN in self.text or _CLOSE in self.text:
            raise self.error(1, "the file holds characters of the private-use area", "Remove them.")
        try:
            documents = list(yaml.compose_all("".join(self._set_aside()), Loader=_Loader))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise self.error(mark.line + 1 if mark else 1, _problem_text(error), _SYNTAX_HINT) from None
        except (yaml.YAMLError, RecursionError) as error:
            line = self.text[: getattr(error, "position", 0)].count("\n") + 1
            what = (
                "holds a character that YAML forbids"
                if isinstance(error, yaml.YAMLError)
                else "is nested too deeply"
            )
            raise self.error(line, f"the file {what}", _SYNTAX_HINT) from None
        if len(documents) > 1:
            raise self.error(
                documents[1].start_mark.line + 1,
                "the file holds more than one YAML document",
                "Remove the line ---.",
            )
        if not documents:
            return Node(1, {})
        root = self._node(documents[0], ())
        if root.value is None:
            return Node(root.line, {})
        if not isinstance(root.value, dict):
            raise self.error(
                root.line,
                "the file must be a mapping of keys to values",
                "Begin with a key, such as environments:",
            )
        return root

    def error(self, line: int, message: str, hint: str, path: tuple[str | int, ...] = ()) -> ConfigError:
        return config_error(self.shown, [Problem(line, path, message, hint)])

    # -- ${…} --------------------------------------------------------------------------------------------------

    def _set_aside(self) -> Iterator[str]:
        """The text with a placeholder for each ``${…}``, and for each ``$${…}``, which stands for the characters ``${…}``."""
        position = 0
        for start, end in references(self.text):
            escaped = self.text.startswith("$$", start)
            yield self.text[position:start]
            yield f"{_OPEN}{len(self.aside)}{_CLOSE}"
            self.aside.append(
                (self.text[start + 1 : end], False) if escaped else (self.text[start + 2 : end - 1], True)
            )
            position = end
        yield self.text[position:]

    def _template(self, text: str, line: int) -> Template:
        parts: list[tuple[str, bool]] = []
        position = 0
        for match in _PLACEHOLDER.finditer(text):
            parts += [(text[position : match.start()], False), self.aside[int(match[1])]]
            position = match.end()
        parts.append((text[position:], False))
        if "${" in _PLACEHOLDER.sub("", text):
            raise self.error(
                line,
                "${ is not closed in its line",
                "Write ${VAR} or ${VAR:-default}; $${ stands for the characters ${.",
            )
        return Template(tuple(part for part in parts if part[0] or part[1]))

    # -- the tree ----------------------------------------------------------------------------------------------

    def _node(self, node: yaml.Node, above: tuple[yaml.Node, ...]) -> Node:
        line = node.start_mark.line + 1
        self.nodes += 1
        if node in above or self.nodes > _MOST_NODES:
            raise self.error(line, "an alias makes the file endless", "Write the values out.")
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return Node(line, self._mapping(node, (*above, node)))
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return Node(line, [self._node(one, (*above, node)) for one in node.value])
        if not isinstance(node, yaml.ScalarNode) or node.tag not in _SCALAR_TAGS:
            raise self.error(
                line, "the file uses a YAML tag", "Remove the word that begins with an exclamation mark."
            )
        if node.tag.endswith(":null"):
            return Node(line, None)
        if node.tag.endswith(":bool") and node.value.lower() in ("true", "false"):
            return Node(line, node.value.lower() == "true")
        template = self._template(node.value, line)
        return Node(line, None if template.plain == "" else template)

    def _mapping(self, node: yaml.MappingNode, above: tuple[yaml.Node, ...]) -> dict[str, Entry]:
        own: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or _PLACEHOLDER.search(key.value) or not key.value:
                raise self.error(line, "a key must be a plain word", "Variables are filled in values only.")
            if key.tag.endswith(":merge"):
                sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
                for source in reversed(sources):  # the first one wins
                    values = self._node(source, above).value
                    if not isinstance(values, dict):
                        raise self.error(
                            line, "<< must name a mapping", "Write <<: *name, where &name marks a mapping."
                        )
                    merged.update(values)
            elif key.value in own:
                first = own[key.value].line
                raise self.error(
                    line,
                    f'the key "{key.value}" stands here twice (first in line {first})',
                    "Remove one of them.",
                )
            else:
                own[key.value] = Entry(line, self._node(value, above))
        return {**merged, **own}


_SYNTAX_HINT = "Correct the YAML there: indentation, a missing quote or bracket, or a colon without a space."


def _problem_text(error: yaml.MarkedYAMLError) -> str:
    """What PyYAML says, without what it quotes from the file: that may be a secret."""
    said = " ".join(filter(None, (error.context, error.problem)))
    if "'\\t'" in said:
        return "not valid YAML: a tab where only spaces may stand"
    return "not valid YAML: " + re.sub(r"""'[^']{2,}'|"[^"]{2,}\"""", "(...)", said)


def references(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each ``${…}`` and ``$${…}`` that ends in its line, braces balanced."""
    position = 0
    while (start := text.find("${", position)) >= 0:
        end = _closing(text, start + 2)
        if end is None:
            position = start + 2
            continue
        yield start - (start > position and text[start - 1] == "$"), end
        position = end


def _closing(text: str, position: int) -> int | None:
    depth = 1
    for match in re.compile(r"\$\{|\}|\n").finditer(text, position):
        if match[0] == "\n":
            return None
        depth += 1 if match[0] == "${" else -1
        if depth == 0:
            return match.end()
    return None
