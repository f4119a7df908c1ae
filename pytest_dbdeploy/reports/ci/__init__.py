"""What continuous integration reads of a run besides its files: one module a service, each with its ``SERVICE``."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Mapping
from pathlib import Path

from ..record import RunRecord
from .base import Service

__all__ = ["Service", "annotation_lines", "last_line", "write_summaries"]


def annotation_lines(record: RunRecord, root: Path, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Lines for stdout that the service makes notes of, beside the files that they name. ``root``: what these are relative to."""
    return [line for service in _here(environ) for line in service.annotations(record, root, environ)]


def write_summaries(record: RunRecord, environ: Mapping[str, str] = os.environ) -> None:
    """The run as a page of the service. OSError where it cannot be written."""
    for service in _here(environ):
        service.write_summary(record, environ)


def last_line(record: RunRecord, status: int) -> str:
    """For scripts, after all other output: ``dbdeploy: outcome=deployed id=deploy-dev-1764000000000 exit=0``."""
    outcome = record.outcome.value if record.outcome else "none"
    return f"dbdeploy: outcome={outcome} id={record.deployment_id} exit={status}"


def _here(environ: Mapping[str, str]) -> list[Service]:
    """The services that this run is part of."""
    modules = (
        importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)
    )
    services = (module.SERVICE for module in modules if hasattr(module, "SERVICE"))
    return [service for service in services if service.here(environ)]
