"""Imports go one way, modules stay small, and no room reaches over the session."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "pytest_dbdeploy"

#: From the ground up: a module may import from its own layer's package and from those before it.
LAYERS = [
    {
        "errors",
        "model",
        "measured",
        "secret",
        "steps",
        "critical",
        "options",
        "invocation",
        "jsonfile",
        "hookspecs",
        "unrewritten",
    },
    {"config", "db", "journal", "last_words", "units", "decision", "gating"},
    {"layouts", "sandboxes", "releasers", "actions", "compare", "rules", "evidence", "health", "adapters"},
    {"plan", "promotion", "history", "rehearsal", "reports", "undo"},
    {"notifiers"},
    {"flows"},
    {"session", "cli_history", "cli"},
    {"plugin"},
]
PURE = [
    "decision.py",
    "units.py",
    "model.py",
    "promotion.py",
    "history.py",
    "compare/diff.py",
    "compare/parts.py",
    "compare/row_result.py",
    *(f"rules/{p.name}" for p in (PACKAGE / "rules").glob("*.py")),
]
EFFECTS = {"psycopg", "subprocess", "socket", "requests", "git", "os", "shutil", "tempfile"}


def modules():
    return list(_modules())


def _modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        if "gates" not in path.relative_to(PACKAGE).parts:
            yield path


def imported(path):
    """Dotted names that a module imports, own ones relative to the package (``db.connect``), those for types only left out."""
    package = path.relative_to(PACKAGE).with_suffix("").parts[:-1]
    tree = ast.parse(path.read_text())
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (("", alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:
                yield (
                    ("own", (node.module or "").partition(".")[2])
                    if (node.module or "").startswith("pytest_dbdeploy")
                    else ("", node.module or "")
                )
                continue
            base = package[: len(package) - (node.level - 1)]
            if node.module:
                yield "own", ".".join((*base, node.module))
            else:
                yield from (("own", ".".join((*base, alias.name))) for alias in node.names)


def layer_of(name):
    top = name.split(".")[0]
    return next((i for i, layer in enumerate(LAYERS) if top in layer), None)


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    own = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
    if own == "__init__":
        return
    mine = layer_of(own)
    assert mine is not None, f"{own} is in no layer: give it a place in LAYERS"
    for kind, name in imported(path):
        if kind == "own" and name and name.split(".")[0] != own.split(".")[0]:
            other = layer_of(name)
            if other is None:  # a name out of the package itself, such as __version__
                continue
            assert other <= mine, f"{own} imports {name}, which is above it"
            assert not (own.startswith("db.") and kind == "" and name == "pytest")


@pytest.mark.parametrize("folder", ["layouts", "sandboxes", "releasers", "notifiers"])
def test_adapters_import_neither_each_other_nor_the_session(folder):
    for path in (PACKAGE / folder).glob("*.py"):
        for kind, name in imported(path):
            top = name.split(".")[0]
            assert not (
                kind == "own"
                and top in {"layouts", "sandboxes", "releasers", "notifiers", "session", "flows"} - {folder}
            ), f"{path.name}: {name}"


@pytest.mark.parametrize("name", PURE)
def test_what_decides_does_no_input_or_output(name):
    effects = {module.split(".")[0] for kind, module in imported(PACKAGE / name) if kind == ""} & EFFECTS
    assert not effects


@pytest.mark.parametrize(
    "path", [p for p in modules() if "db" in p.relative_to(PACKAGE).parts], ids=lambda p: p.name
)
def test_db_knows_no_pytest(path):
    assert "pytest" not in {name.split(".")[0] for kind, name in imported(path) if kind == ""}


@pytest.mark.parametrize(
    "path", sorted((PACKAGE.parent / "gates").rglob("*.py")), ids=lambda p: f"{p.parent.name}/{p.name}"
)
def test_gates_import_only_pytest_and_this_package(path):
    import sys

    tree = ast.parse(path.read_text())
    names = {a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    names |= {(n.module or "").split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert names <= {"pytest", "pytest_dbdeploy"} | set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_modules_and_functions_stay_small(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 500, "a second room in it?"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno - node.lineno < 80, f"{node.name} is too long"
