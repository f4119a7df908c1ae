"""What is installed is what runs: wheel, wheel from the sdist and editable install, in an application that makes it hard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PHASES = ("preflight", "sandbox", "postdeploy")
HOSTILE_INI = """[pytest]
minversion = 8.2
python_files = check_*.py
python_functions = check_*
python_classes = Check*
testpaths = application
norecursedirs = gates * .*
pythonpath = .
markers =
    nothing: selects nothing
addopts = -m nothing -k nothing --strict-markers --strict-config -W error --ignore=gates --deselect gates/sandbox
xfail_strict = true
"""
OWN_GATES = {f"gates/{phase}/test_own.py::test_own" for phase in PHASES}


def run(*command: str | Path, cwd: Path, status: int | None = 0, **environ: str) -> str:
    """Standard output and error of a program that is to end with ``status``."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "DBDEPLOY_", "PG", "PYTHON"))}
    done = subprocess.run(
        [os.fspath(word) for word in command],
        cwd=cwd,
        env=ours | {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"} | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert status is None or done.returncode == status, done.stdout
    return done.stdout


def build(source: Path, outdir: Path, kind: str) -> Path:
    run(sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", outdir, source, cwd=outdir)
    (made,) = outdir.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return made


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(REPOSITORY, tmp_path_factory.mktemp("sdist"), "sdist")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(REPOSITORY, tmp_path_factory.mktemp("wheel"), "wheel")


@pytest.fixture(scope="module")
def wheel_of_sdist(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return build(folder / sdist.name.removesuffix(".tar.gz"), tmp_path_factory.mktemp("again"), "wheel")


def fresh(folder: Path) -> Path:
    """A virtual environment's python: without this package, and with what is installed here, so that nothing is downloaded.

    A plain line of a .pth file adds a folder without reading the .pth files in it: an editable install there has no effect.
    """
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "of_the_tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "python"


def install(python: Path, *what: str | Path) -> Path:
    """``pip install`` into the environment of ``python``, without an index."""
    pip = (sys.executable, "-m", "pip", "-q", "--python", python)
    run(*pip, "install", "--no-deps", "--no-build-isolation", "--ignore-installed", *what, cwd=python.parent)
    return python


@pytest.fixture(scope="module")
def from_wheel(wheel_of_sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A python where the wheel that was made from the sdist is installed."""
    return install(fresh(tmp_path_factory.mktemp("from-wheel")), wheel_of_sdist)


@pytest.fixture(scope="module")
def editable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A python where the repository is installed for editing."""
    return install(fresh(tmp_path_factory.mktemp("editable")), "-e", REPOSITORY)


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """An application with a package ``gates`` of its own, and an ini, a conftest.py and tests that know nothing of us."""
    root = tmp_path / "application"
    (root / "migrations").mkdir(parents=True)
    (root / "application").mkdir()
    (root / "migrations" / "0001_init.sql").write_text("create table users (id int primary key);\n")
    (root / "pytest.ini").write_text(HOSTILE_INI)
    (root / "conftest.py").write_text("collect_ignore_glob = ['*']\n")
    (root / "check_it.py").write_text("def check_it():\n    assert 0\n")
    (root / "test_it.py").write_text("def test_it():\n    assert 0\n")
    for folder in ("gates", *(f"gates/{phase}" for phase in PHASES)):
        (root / folder).mkdir()
        (root / folder / "__init__.py").write_text("OWNER = 'the application'\n")
    for phase in PHASES:
        (root / "gates" / phase / "test_own.py").write_text(
            "from gates import OWNER\n\n\ndef test_own():\n    assert OWNER == 'the application'\n"
        )
    return root


def built_in() -> set[str]:
    return {
        f"dbdeploy/{phase}/{file.name}"
        for phase in PHASES
        for file in (REPOSITORY / "gates" / phase).glob("test_*.py")
    }


def files_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


# -- what is in them -------------------------------------------------------------------------------------------


def test_a_wheel_from_the_sdist_holds_what_a_direct_wheel_holds(wheel: Path, wheel_of_sdist: Path) -> None:
    assert files_in(wheel) == files_in(wheel_of_sdist)


def test_the_wheel_holds_every_file_of_the_package_and_each_gate_once(wheel: Path) -> None:
    package = REPOSITORY / "pytest_dbdeploy"
    own = {p for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    gates = {p for p in (REPOSITORY / "gates").rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    expected = {f"pytest_dbdeploy/{p.relative_to(package)}" for p in own}
    expected |= {f"pytest_dbdeploy/gates/{p.relative_to(REPOSITORY / 'gates')}" for p in gates}
    found = {name for name in files_in(wheel) if ".dist-info/" not in name}
    assert found == expected
    with zipfile.ZipFile(wheel) as archive:
        assert len(archive.namelist()) == len(set(archive.namelist()))


def test_the_wheel_holds_schema_queries_types_and_licence(wheel: Path) -> None:
    names = files_in(wheel)
    assert "pytest_dbdeploy/reports/schema/report.schema.json" in names
    assert "pytest_dbdeploy/py.typed" in names
    assert {
        f"pytest_dbdeploy/db/sql/{p.name}" for p in (REPOSITORY / "pytest_dbdeploy/db/sql").glob("*.sql")
    } <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_sdist_holds_no_more_than_sources(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    unwanted = ("node_modules/", ".deployments/", "__pycache__/", ".hypothesis/", ".data/", ".git/")
    assert not [name for name in names if any(part in f"{name}/" for part in unwanted)]
    assert {"gates/preflight/test_connection.py", "LICENSE", "README.md", "pyproject.toml"} <= set(names)


# -- what runs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("installation", ["from_wheel", "editable"])
def test_built_in_gates_and_those_of_the_application_are_collected_and_nothing_else(
    installation: str, application: Path, request: pytest.FixtureRequest
) -> None:
    python: Path = request.getfixturevalue(installation)
    where = run(python, "-c", "import pytest_dbdeploy; print(pytest_dbdeploy.__file__)", cwd=application)
    assert Path(where.strip()).is_relative_to(REPOSITORY if installation == "editable" else python.parents[1])
    pytest_command = (
        python,
        "-m",
        "pytest",
        "-p",
        "no:randomly",
        "--dbdeploy-env=dev",
        "--collect-only",
        "-q",
    )
    output = run(*pytest_command, cwd=application, DEV_POSTGRES_URL="postgresql://u:p@127.0.0.1:1/d")
    found = {line for line in output.splitlines() if "::" in line}
    assert {name for name in found if not name.startswith("dbdeploy/")} == OWN_GATES
    assert {name.partition("::")[0] for name in found if name.startswith("dbdeploy/")} == built_in()


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_dry_run_of_the_wheel_runs_exactly_these_gates(
    from_wheel, application, postgres17, workers
) -> None:
    output = run(
        *(from_wheel, "-m", "pytest", "-p", "no:randomly", "-n", workers),
        *("--dbdeploy-env=dev", "--dbdeploy-dry-run"),
        cwd=application,
        DEV_POSTGRES_URL=postgres17.owner_database().reveal(),
    )
    (folder,) = (application / ".deployments").glob("deploy-*")
    report = json.loads((folder / "report.json").read_text())
    gates = {gate["nodeid"]: gate["outcome"] for gate in report["gates"]}
    assert {name for name in gates if not name.startswith("dbdeploy/")} == OWN_GATES
    assert {name.partition("::")[0] for name in gates if name.startswith("dbdeploy/")} == built_in(), output
    assert {gates[name] for name in OWN_GATES if "postdeploy" not in name} == {"passed"}
    assert report["outcome"] == "dry_run"


def test_the_command_is_installed_and_prints_the_schema(from_wheel: Path, application: Path) -> None:
    output = run(from_wheel.parent / "dbdeploy", "schema", cwd=application)
    assert json.loads(output)["properties"]["environments"]
