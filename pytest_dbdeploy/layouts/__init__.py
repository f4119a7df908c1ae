"""How migration tools store migrations: one module a tool, found by its ``LAYOUT``. Adding a layout is adding a file here."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ..errors import LayoutError
from .base import Detected, Layout, LayoutReader, LayoutRequest

__all__ = ["find_layout", "layouts"]


class MigrationSettings(Protocol):
    """The section ``migrations`` of the settings."""

    @property
    def layout(self) -> str: ...
    @property
    def path(self) -> str | None: ...
    @property
    def history(self) -> str | None: ...
    @property
    def apply(self) -> str | None: ...


def layouts(extra: Sequence[Layout] = ()) -> dict[str, Layout]:
    """All layouts by name; one of ``extra`` takes the place of a built-in one of the same name."""
    found: dict[str, Layout] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        if not module.name.startswith("_"):
            layout = getattr(importlib.import_module(f"{__name__}.{module.name}"), "LAYOUT", None)
            if layout is not None:
                found[layout.name] = layout
    return found | {layout.name: layout for layout in extra}


def find_layout(
    settings: MigrationSettings,
    rootdir: Path,
    state_schema: str = "dbdeploy",
    *,
    extra: Sequence[Layout] = (),
) -> LayoutReader:
    """The project's migrations: of the layout that the settings name, else of the only one detected.

    LayoutError when there is none, when several fit, or when the named layout has no migrations where it looks.
    """
    request = LayoutRequest(rootdir, settings.path, settings.history, settings.apply, state_schema)
    known = layouts(extra)
    if settings.layout != "auto":
        if settings.layout not in known:
            raise LayoutError(
                f"migrations.layout: {settings.layout} is not known",
                hint=f"Correct it in dbdeploy.yaml: known are auto, {', '.join(sorted(known))}. Another tool is run by migrations.apply, its command.",
            )
        return known[settings.layout].open(request)
    if request.apply:
        return known["command"].open(request)
    folder = request.folder()
    if folder is not None and not folder.is_dir():
        raise LayoutError(
            f"migrations.path: {request.path} is not there (in {rootdir})",
            hint="Correct migrations.path in dbdeploy.yaml.",
        )
    detected = {
        name: found for name, layout in known.items() if (found := layout.detect(request)) is not None
    }
    if len(detected) != 1:
        raise _undecided(detected, known, request)
    return known[next(iter(detected))].open(request)


def _undecided(
    detected: dict[str, Detected], known: dict[str, Layout], request: LayoutRequest
) -> LayoutError:
    if detected:
        found = "\n".join(
            f"  {name}: {request.relative(what.path)} ({what.evidence})" for name, what in detected.items()
        )
        return LayoutError(
            f"several kinds of migrations were found:\n{found}",
            hint="Set migrations.layout (and migrations.path) in dbdeploy.yaml to the one to deploy.",
        )
    looked = "\n".join(
        f"  {name}: {', '.join(layout.places(request))}"
        for name, layout in known.items()
        if name != "command"
    )
    return LayoutError(
        f"no migrations were found in {request.rootdir}; looked for\n{looked}",
        hint="Set migrations.layout and migrations.path in dbdeploy.yaml, or migrations.apply to the command that applies them.",
    )
