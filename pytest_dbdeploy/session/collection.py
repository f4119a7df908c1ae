"""Which gates there are: an own collector for the built-in gates and ``gates.paths``, whatever the application's ini says."""

from __future__ import annotations

import functools
import gc
import importlib
import sys
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..model import Gate, Phase, Severity
from .narrowing import ignored
from .source import DEFAULT_GATES, Scope
from .state import GATE

BUILT_IN = Path(__file__).resolve().parents[1] / "gates"
_PACKAGE = f"{__package__.rpartition('.')[0]}.gates"
_FOLDERS = frozenset(phase.value for phase in Phase if phase is not Phase.COMPARE)
_SEVERITIES = (Severity.BLOCK, Severity.WARN)


class GateCollection:
    """Collects, remembers the universe before any deselection, and sorts by phase. In every process that collects."""

    def __init__(self, config: pytest.Config, scope: Scope) -> None:
        self.config = config
        self.scope = scope
        self.universe: dict[str, Gate] = {}
        self.order: list[
            tuple[str, str]
        ] = []  # of the selected ones: (node id as reported, node id in the universe)
        self.items: list[pytest.Item] = []
        self.problems: list[str] = []
        self._folder = functools.cache(self._find_folder)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        error = getattr(getattr(report, "call", None), "excinfo", None)
        if error is not None and isinstance(error.value, KeyboardInterrupt):
            raise error.value  # pytest 8.2 takes Ctrl-C for an error of the file that is being read
        if isinstance(collector, pytest.Session):
            if report.passed:
                built_in = (
                    [BuiltInGates.from_parent(collector, scope=self.scope)] if self.scope.built_in else []
                )
                report.result = [*built_in, *self._project(collector)]
        elif report.result:
            report.result = [node for node in report.result if self._wanted(node)]
        return report

    def _project(self, session: pytest.Session) -> list[pytest.Collector]:
        paths = []
        for path in _outermost(self.scope.paths):
            if path.exists():
                paths.append(path)
            elif path != self.config.rootpath / DEFAULT_GATES:
                self.problems.append(f"gates.paths: {path} does not exist")
        inside = [path for path in paths if path.is_relative_to(self.config.rootpath)]
        nodes: list[pytest.Collector] = []
        if inside:
            nodes.append(Corridor.from_parent(session, path=self.config.rootpath, goals=inside))
        return nodes + [_gates_at(session, path) for path in paths if path not in inside]

    def _wanted(self, node: pytest.Item | pytest.Collector) -> bool:
        return not isinstance(node, pytest.Item) or self.phase_of(node) in self.scope.phases

    # -- universe, selection, order

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        gate = self._gate(item)
        item.stash[GATE] = gate
        self.universe[gate.nodeid] = gate
        self.problems += _marker_problems(item)
        if gate.nodeid.startswith("dbdeploy/"):
            # Where the package is installed is nobody's business: without this, -v shows "<- ../../site-packages/...".
            _, line, domain = item.location
            item.location = (gate.nodeid.partition("::")[0], line, domain)
            _without_foreign_fixtures(item)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        names = ignored(self.config)
        left_out = [item for item in items if names(item.path)]
        if left_out:
            self.config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if not names(item.path)]

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.settle(session)

    def settle(self, session: pytest.Session) -> None:
        """Sorts by phase after everybody else has sorted; within a phase the order stays. What a plugin has added is a gate too."""
        phases = self.scope.phases
        session.items[:] = [item for item in session.items if self.phase_of(item) in phases]
        for gate in map(self._gate, session.items):
            self.universe.setdefault(gate.nodeid, gate)
        session.items.sort(key=lambda item: phases.index(self.phase_of(item)))
        self.order = [(item.nodeid, self._gate(item).nodeid) for item in session.items]
        self.items = list(session.items)
        gc.freeze()  # all this lives as long as the session: the garbage collector need not walk over it again and again

    def restore(self, session: pytest.Session) -> None:
        """What another plugin has made of the gates after they were sorted does not count: phases would mix."""
        session.items[:] = self.items

    def phase_of(self, item: pytest.Item) -> Phase:
        return self._gate(item).phase

    def _gate(self, item: pytest.Item) -> Gate:
        known = item.stash.get(GATE, None)
        if known is not None:
            return known
        marker = _marked(item)
        phase, severity = marker.get("phase"), marker.get("severity")
        gate = item.stash[GATE] = Gate(
            item.nodeid,
            Phase(phase if phase in _FOLDERS else self._folder(item.path)),
            Severity(severity) if severity in _SEVERITIES else Severity.BLOCK,
        )
        return gate

    def _find_folder(self, path: Path) -> str:
        """The nearest folder with a phase's name, below the gates path."""
        roots = [root for root in (BUILT_IN, *self.scope.paths) if path.is_relative_to(root)]
        names = _FOLDERS | {Phase.COMPARE.value} if path.is_relative_to(BUILT_IN) else _FOLDERS
        if roots:
            below = path.relative_to(max(roots, key=lambda root: len(root.parts))).parts[:-1]
            for name in reversed(below):
                if name in names:
                    return name
        return Phase.SANDBOX.value


def _marked(item: pytest.Item) -> dict[str, Any]:
    """The keywords of the ``dbdeploy`` markers; the nearest one wins, key by key."""
    found: dict[str, Any] = {}
    for marker in item.iter_markers("dbdeploy"):
        found = {**marker.kwargs, **found}
    return found


def _marker_problems(item: pytest.Item) -> Iterator[str]:
    allowed = {"phase": sorted(_FOLDERS), "severity": [severity.value for severity in _SEVERITIES]}
    for marker in item.iter_markers("dbdeploy"):
        if marker.args:
            yield f"{item.nodeid}: marker dbdeploy takes keywords only: phase=, severity="
        for key, value in marker.kwargs.items():
            if key not in allowed:
                yield f"{item.nodeid}: marker dbdeploy has no keyword {key!r}: phase=, severity="
            elif value not in allowed[key]:
                yield f"{item.nodeid}: marker dbdeploy: {key}={value!r} is none of {', '.join(allowed[key])}"


def _without_foreign_fixtures(item: pytest.Item) -> None:
    """A conftest's autouse fixtures (pytest-django's recipe creates a test database), and what it calls as we call ours, are for its tests.

    A built-in gate gets our own: what it judges by is nobody's to replace.
    """
    info = getattr(item, "_fixtureinfo", None)
    if info is None:
        return
    ours = (f"{_PACKAGE.partition('.')[0]}.", "_pytest.")
    foreign = set()
    for name, definitions in info.name2fixturedefs.items():
        own = [one for one in definitions if one.func.__module__.startswith(ours)]
        if own:
            info.name2fixturedefs[name] = own
        else:
            foreign.add(name)
    item._initrequest()  # type: ignore[attr-defined]  # a Function has it; before pytest 8.3 a request has a copy of the above
    item.fixturenames[:] = [name for name in item.fixturenames if name not in foreign]  # type: ignore[attr-defined]  # a Function has them


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """Without paths that lie in others: no gate is collected twice."""
    kept: list[Path] = []
    for path in paths:
        if not any(path == other or path.is_relative_to(other) for other in kept):
            kept = [other for other in kept if not other.is_relative_to(path)] + [path]
    return kept


# -- collectors ------------------------------------------------------------------------------------------------


class BuiltInGates(pytest.Collector):
    """The gates of this package: node ids ``dbdeploy/<phase>/test_x.py::...``, wherever it is installed."""

    def __init__(self, *, scope: Scope, **node: Any) -> None:
        super().__init__(name="dbdeploy", nodeid="dbdeploy", path=BUILT_IN, **node)
        self.scope = scope

    def collect(self) -> Iterator[pytest.Collector]:
        for phase in self.scope.phases:
            for path in sorted((BUILT_IN / phase.value).glob("test_*.py")):
                yield BuiltInModule.from_parent(self, path=path, nodeid=f"dbdeploy/{phase.value}/{path.name}")


class BuiltInModule(pytest.Module):
    """Imported by its name in this package: an application's own package ``gates`` and its import mode play no part."""

    def _getobj(self) -> Any:
        return importlib.import_module(f"{_PACKAGE}.{self.path.parent.name}.{self.path.stem}")


class GateModule(pytest.Module):
    """A project's file of gates, imported as pytest is told to; files of the same name in two phases do not collide."""

    def _getobj(self) -> Any:
        loaded = sys.modules.get(self.path.stem)
        if loaded is None or _same_file(loaded, self.path) or (self.path.parent / "__init__.py").exists():
            return super()._getobj()  # type: ignore[no-untyped-call]  # pytest has no types there
        from _pytest.pathlib import ImportMode, import_path

        root = self.config.rootpath
        return import_path(self.path, mode=ImportMode.importlib, root=root, consider_namespace_packages=False)


def _same_file(module: Any, path: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file) == path


class _Listing:
    """Every test_*.py, and every folder that is not hidden: no ignore pattern of the application counts."""

    path: Path

    def collect(self) -> Iterator[pytest.Collector]:
        for path in sorted(self.path.iterdir(), key=lambda entry: (entry.is_dir(), entry.name)):
            if path.is_dir():
                if not path.name.startswith(".") and path.name != "__pycache__":
                    yield _gates_at(self, path)
            elif path.name.startswith("test_") and path.suffix == ".py":
                yield GateModule.from_parent(self, path=path)


class GateFolder(_Listing, pytest.Directory):
    """A folder of gates; a Directory, so that pytest loads its conftest.py."""


class GatePackage(_Listing, pytest.Package):
    """A folder of gates with an ``__init__.py``."""


class Corridor(pytest.Directory):
    """The way from rootdir down to the gates: each folder on it is a node, so that its conftest.py counts."""

    def __init__(self, *, goals: list[Path], **node: Any) -> None:
        super().__init__(**node)
        self.goals = goals

    def collect(self) -> Iterator[pytest.Collector]:
        if self.path in self.goals:  # rootdir itself is a gates path
            yield from _Listing.collect(self)  # type: ignore[arg-type]  # a Directory has all that a listing needs
            return
        for child in dict.fromkeys(self.path / goal.relative_to(self.path).parts[0] for goal in self.goals):
            below = [goal for goal in self.goals if goal.is_relative_to(child)]
            yield (
                _gates_at(self, child)
                if child in below
                else Corridor.from_parent(self, path=child, goals=below)
            )


def _gates_at(parent: Any, path: Path) -> pytest.Collector:
    if path.is_file():
        return GateModule.from_parent(parent, path=path)
    if (path / "__init__.py").exists():
        return GatePackage.from_parent(parent, path=path)
    return GateFolder.from_parent(parent, path=path)
