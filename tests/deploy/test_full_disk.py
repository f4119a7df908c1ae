"""Disks that are really full, on each side of a deployment: it says so, nothing is lost, and with space again it goes on."""

import contextlib
import os
import sys
from pathlib import Path

import pytest
from psycopg import sql

from tests.disks import small_disk

from .conftest import Project, filled, until
from .faults import Arena, Fault, Place, copy_of
from .test_fault_matrix import account, end

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]
FULL = "No space left on device"


def said(result):
    """What a person reads, on one line."""
    return " ".join(result.output.split())


def full_at(arena, fault, disk, status, *texts, mended=lambda: None, leave=0):
    """A run that meets the full disk at the point, and the command after it, with space again. ``status``: one, or several."""
    with arena.writers as writers:
        run = arena.start("--dbdeploy-env=dev", at=fault.at)
        disk.fill(leave)
        result = arena.go_on(run)
        disk.free()
        mended()
        for text in texts:
            assert text in said(result)
        assert result.status in (status if isinstance(status, tuple) else (status,))
        result = end(arena, fault, run, result)
    account(arena, writers, run, result)


@pytest.fixture
def on_a_full_tablespace(make_project, postgres17, deployed_once, temporary):
    """A target whose tables are on a small disk, not so the server's log of writes."""
    name = "small_disk"
    with small_disk(64) as disk:
        folder = disk.path / "space"
        folder.mkdir()
        folder.chmod(0o777)
        server_folder = Path(postgres17.embedded.folder / "data").stat()
        with contextlib.suppress(PermissionError):
            os.chown(folder, server_folder.st_uid, server_folder.st_gid)
        postgres17.execute(
            sql.SQL("create tablespace {} location {}").format(sql.Identifier(name), sql.Literal(str(folder)))
        )
        url = copy_of(postgres17, deployed_once.url)
        postgres17.execute(
            sql.SQL("alter database {} set tablespace {}").format(
                sql.Identifier(url.dbname), sql.Identifier(name)
            )
        )
        with Arena(filled(make_project(url)), temporary, postgres17) as arena:
            yield arena, disk
        postgres17.execute(sql.SQL("drop tablespace {}").format(sql.Identifier(name)))


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        (Fault("after unit-started 1", plan="large", strike="full"), 11, "SQLSTATE 53100"),
        (
            Fault("after step-started rollback", gate=False, loses="discard", strike="full", then="rollback"),
            12,
            "Free disk space on the server",
        ),
    ],
    ids=str,
)
def test_the_disk_of_the_targets_tables_is_full(on_a_full_tablespace, fault, status, text):
    arena, disk = on_a_full_tablespace
    arena.prepare(fault)
    full_at(arena, fault, disk, status, FULL, text)


@pytest.mark.parametrize(
    ("leave", "status", "text"),
    [(0, 11, FULL), (15 << 20, 12, "look whether it runs, and into its log")],
    ids=["tables", "write-ahead log"],
)
def test_the_whole_disk_of_the_target_is_full(make_project, tmp_path, temporary, leave, status, text):
    """Without space for its log of writes (16 MB at a time) a server panics, and does not start again."""
    with small_disk(200) as disk:
        place = Place(disk.path / "server")
        with place.proxy:
            first = filled(Project(tmp_path / "first", place.real.owner_database()))
            assert first.deploy().status == 0
            url = place.through(copy_of(place.real, first.url))
            with Arena(filled(make_project(url)), temporary, place.real, place) as arena:

                def mended():
                    if not arena.answers():
                        place.kill()
                        place.start()
                    until(arena.answers)

                fault = Fault("after unit-started 1", plan="large", strike="full", then="rollback")
                arena.prepare(fault)
                full_at(arena, fault, disk, status, text, mended=mended, leave=leave)
        place.embedded.stop()


@pytest.mark.parametrize(
    ("at", "text"),
    [
        ("after step-started clone", "where 0 B are free"),
        ("after step-started rehearsal", FULL),
        ("after step-started undo-rehearsal", FULL),
    ],
)
def test_the_disk_of_the_sandbox_is_full(make_project, postgres17, deployed_once, at, text):
    with small_disk(250) as disk:
        project = filled(make_project(copy_of(postgres17, deployed_once.url)))
        with Arena(project, disk.path, postgres17) as arena:
            fault = Fault(at, plan="large", back="undo, restore", strike="full")
            arena.prepare(fault)
            full_at(arena, fault, disk, 10, text, "untouched")


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault("after step-started clone"), 10),
        (Fault("after step-started backup"), 10),
        (Fault("after unit-started 1"), (0, 11)),  # the last page of a file has room for some lines more
        (Fault("before unit-committed 2", plan="split"), 12),
        (Fault("after step-started rollback", gate=False, loses="discard", then="rollback"), 12),
        (Fault("after step-started verify"), 0),
    ],
    ids=str,
)
def test_the_disk_of_the_artifacts_is_full(make_project, postgres17, deployed_once, temporary, fault, status):
    with small_disk(32) as disk:
        project = filled(make_project(copy_of(postgres17, deployed_once.url)))
        project.artifacts = disk.path / "artifacts"
        project.write("pytest.ini", f"[pytest]\ndbdeploy_artifacts = {project.artifacts}\n")
        with Arena(project, temporary, postgres17) as arena:
            project.sql("insert into users select i, md5(i::text) from generate_series(100000, 110000) i")
            arena.prepare(fault)
            full_at(arena, fault, disk, status, FULL)


def test_the_disk_of_the_backups_is_full(deployed, postgres17, temporary):
    with small_disk(16) as disk, Arena(deployed, temporary, postgres17) as arena:
        fault = Fault("after step-started backup")
        arena.prepare(fault)
        settings = (deployed.root / "dbdeploy.yaml").read_text()
        deployed.write("dbdeploy.yaml", f"{settings}backup: {{directory: {disk.path / 'backups'}}}\n")
        full_at(arena, fault, disk, 10, FULL, "use another folder for the artifacts")
        assert not list(disk.path.rglob("backup.dump"))
