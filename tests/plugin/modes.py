"""Whether a session with workers gives what the same session gives without."""

from __future__ import annotations

from tests.plugin.conftest import Project, Run

# What may differ, and why: the message of a session that an interrupt ended depends on which gates had been sent to workers.


def cases(run: Run) -> list[tuple]:
    """Sorted: class and name, kinds of results, first line of the first message, recorded properties."""
    return sorted(
        (name, kind, *message, *properties) for name, (kind, message, properties, _) in run.junit.items()
    )


def run_both(project: Project, *args: str, **fake: object) -> Run:
    """Runs plain and with ``-n2``; fails where the two differ in status, gates, boundaries, steps or JUnit. Returns the one with workers."""
    plain, workers = project.run(*args, **fake), project.run("-n2", *args, **fake)
    assert plain.status == workers.status, plain.output + workers.output
    assert plain.calls == workers.calls, workers.output
    assert outcomes(plain) == outcomes(workers), workers.output
    assert cases(plain) == cases(workers)
    assert plain.properties == workers.properties
    return workers


def outcomes(run: Run) -> dict[str, str]:
    return run.outcomes if "close" in run.names() else {}
