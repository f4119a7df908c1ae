"""What every flow has: artifacts, journal, log, record, and the resources that it opened. Closed once, in reverse."""

from __future__ import annotations

import contextlib
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from .. import notifiers
from ..config.load import Settings
from ..db import lines
from ..db.access import server_user, temporary_roots
from ..db.connect import connect
from ..db.deployment_lock import notice_our_death
from ..db.leftovers import clean_orphans
from ..db.state import FINISHED, State
from ..db.url import DatabaseUrl, is_embedded
from ..db.watch import asking
from ..errors import DbDeployError, StateError, TargetError
from ..journal import RUNNING, VERDICT, Journal, RunningGate, death
from ..last_words import LastWords
from ..model import ExitStatus, GateRecord, Level, LogPhase, Mode, Outcome
from ..reports import ci, json_report, log_table, schema_comparison
from ..reports.artifacts import CLONE, JOURNAL, Artifacts, all_artifacts, prune, sweep
from ..reports.log import DeploymentLog
from ..reports.record import RunRecord
from ..secret import redactor
from ..steps import Steps

#: So many connections in a row, of ``timeouts.connect`` each, and a server is given up.
_SILENT_TRIES = 3


class Workspace:
    """The folder, the files and the open resources of one session."""

    def __init__(
        self,
        settings: Settings,
        steps: Steps,
        mode: Mode,
        environment: str,
        more_notifiers: Sequence[notifiers.Notifier] = (),
    ) -> None:
        self.settings = settings
        self.steps = steps
        self.more_notifiers = more_notifiers
        self.artifacts = Artifacts.create(settings.artifacts, environment)
        self.id = self.artifacts.deployment_id
        self.journal = Journal(self.artifacts.path("journal.jsonl"))
        self.running_gate = RunningGate(self.artifacts.directory)
        self.log = DeploymentLog(self.artifacts.path("deployment.log"), self.id, settings.log.level)
        self.record = RunRecord(self.id, environment, mode, self.artifacts.directory)
        self.record.samples = settings.reports.samples
        self.stack = contextlib.ExitStack()
        self.stack.callback(self.running_gate.close)
        self._last_words: LastWords | None = None
        # The journal first: a step is on disk before anybody else hears of it. What listened before (the terminal) comes last.
        steps.listeners[:0] = [self.journal, self.record.phases, self.log]
        self.journal.append("session-started", deploymentId=self.id, environment=environment, mode=str(mode))

    def open_database(self, text: str, *, name: str) -> DatabaseUrl:
        """The URL of a configured database; starts the server of an ``embedded://PATH`` for the life of the session.

        ServerError when it cannot be started.
        """
        path = is_embedded(text)
        if path is None:
            return DatabaseUrl.parse(text, name=name)
        from ..db.server import EmbeddedServer

        path = path if path.is_absolute() else self.settings.rootdir / path
        with self.steps.step("server", f"start embedded server {path.name}", LogPhase.PREFLIGHT) as step:
            server = self.stack.enter_context(EmbeddedServer.at(path))
            step.done(f"PostgreSQL {server.major} at {server.url.label}")
        return server.url

    def connect(self, url: DatabaseUrl, purpose: str, **options: Any) -> psycopg.Connection[Any]:
        """A connection with this project's timeouts; see ``db.connect.connect``."""
        return connect(url, purpose=purpose, connect_timeout=self.settings.timeouts.connect, **options)

    def connect_to_hold(self, url: DatabaseUrl, purpose: str) -> psycopg.Connection[Any]:
        """One in autocommit that may hold locks for long: the server ends it within seconds after we or the network are gone."""
        conn = self.connect(url, purpose, autocommit=True)
        notice_our_death(conn)
        return conn

    def watch_over(self, url: DatabaseUrl) -> None:
        """Until the session ends: when the server falls silent, nothing goes on waiting for it.

        Keepalives notice a network that drops packets, but no proxy that lives on.
        """

        def give_up(error: TargetError) -> None:
            self.record.notes.append(f"{url.name} no longer answered, its connections were given up")
            self.log.message(
                LogPhase.DEPLOY, Level.WARN, f"{url.name} no longer answers: {error.message}", {}
            )
            lines.give_up(url.place)

        connect_timeout = self.settings.timeouts.connect
        self.stack.enter_context(asking(url, give_up, connect_timeout=connect_timeout, often=_SILENT_TRIES))

    def say(self, phase: LogPhase, level: Level, text: str, **metadata: Any) -> None:
        self.steps.message(phase, level, text, **metadata)

    def journal_state(self, state: State, **data: object) -> None:
        """Before the deployment's row gets it. StateError when it cannot be written, unless the row is to say how it ended:
        a full disk here is no reason to leave it open there."""
        try:
            self.journal.append("state", **data, state=str(state))
        except StateError as error:
            if state not in FINISHED:
                raise
            self.record.notes.append(error_text(error))

    def promise_last_words(self, deployment_id: str) -> None:
        """From now until the verdict a death of this process leaves the deployment unfinished: then the terminal is told."""
        words = (
            f"deployment {deployment_id} is unfinished, its target may be changed\n"
            f"  finish it: pytest --dbdeploy-resume={deployment_id}\n"
            f"  or undo it: pytest --dbdeploy-rollback={deployment_id}"
        )
        with contextlib.suppress(OSError):  # no process to be had: the next session says it all the same
            self._last_words = LastWords(words, self.artifacts.path(RUNNING))
            self.stack.callback(self._last_words.take_back)

    def notice_deaths(self) -> list[str]:
        """Sessions that died since the last one that came to its end, and never wrote to the target: each is told once."""
        notes = []
        for artifacts in all_artifacts(self.settings.artifacts, self.record.environment):
            if artifacts.deployment_id == self.id:
                continue
            if not artifacts.unfinished:
                break
            died = death(artifacts.directory)
            if died is not None and not died.touched:
                notes.append(f"{artifacts.deployment_id} died {died.when:%Y-%m-%d %H:%M}, target untouched")
                notes += [f"it died during {died.during}"] if died.during else []
                with contextlib.suppress(StateError):
                    Journal(artifacts.path(JOURNAL)).finish(by=self.id)
        return notes

    def finish(self, outcome: Outcome, status: ExitStatus) -> None:
        """The verdict stands; nothing changes it any more."""
        self.record.finish(outcome, status)
        if self._last_words is not None:
            self._last_words.take_back()
        try:
            self.journal.append(VERDICT, outcome=str(outcome), exitStatus=int(status))
        except StateError as error:  # a full disk: what was decided stands all the same
            self.record.notes.append(error_text(error))

    def close(self, gates: Sequence[GateRecord], *, log_to: DatabaseUrl | None, finished: bool) -> None:
        """Alerts, reports, log table; then everything that was opened is closed. Never raises.

        ``finished=False`` leaves the journal open-ended: a person or the next command has to go on.
        """
        self.record.gates = list(gates)
        for work in (
            self._send_alerts,
            self._write_reports,
            lambda: self._write_log_table(log_to),
            self.stack.close,
            self._prune,
            lambda: ci.write_summaries(self.record),
            lambda: self.journal.finish() if finished else self.journal.close(),
        ):
            try:
                work()
            except KeyboardInterrupt:
                self.record.notes.append("interrupted while finishing")
            except Exception as error:  # the verdict stands; what could not be written is said
                self.record.notes.append(redactor.redact(f"while finishing: {type(error).__name__}: {error}"))
                self.log.exception(LogPhase.REPORT, "while finishing", error)

    def _send_alerts(self) -> None:
        record = self.record
        quiet = (Outcome.NOTHING_TO_DEPLOY, Outcome.DRY_RUN, Outcome.EQUAL, Outcome.DIFFERENT)
        if record.mode in (Mode.DRY_RUN, Mode.COMPARE) or record.outcome in quiet:
            return
        record.alerts = notifiers.send_all(
            self.settings.alerts, notifiers.message_from(record), extra=self.more_notifiers
        )

    def _write_reports(self) -> None:
        record, write = self.record, self.artifacts.write_json
        write(schema_comparison.NAME, schema_comparison.build(record))
        write("evidence.json", record.evidence)
        if record.plan is not None:
            write("plan.json", record.plan)
        json_report.write(record, self.artifacts)

    def _write_log_table(self, url: DatabaseUrl | None) -> None:
        if url is None or not self.settings.log.table:
            return
        with self.connect(url, "log") as conn:
            note = log_table.write(conn, self.settings.state.schema_, self.id, self.log.entries)
        if note:
            self.record.notes.append(note)

    def _prune(self) -> None:
        backup = self.settings.backup
        sweep(self.settings.artifacts)
        clean_orphans()
        prune(
            self.settings.artifacts, keep=backup.keep, max_age=backup.max_age, backups=self.backup_directory
        )

    @property
    def backup_directory(self) -> Path | None:
        """The folder of ``backup.directory``, or None: then a backup is among the artifacts."""
        directory = self.settings.backup.directory
        return Path(directory) if directory else None

    @property
    def sandbox_place(self) -> Path:
        """Where the embedded servers of sandboxes keep their data."""
        return temporary_roots(server_user())[0]

    def clone_folder(self) -> Path:
        """For the dump of the clone: removed when the session ends, and by the next one when it is killed."""
        path = self.artifacts.path(CLONE)
        path.mkdir(mode=0o700, exist_ok=True)
        self.stack.callback(shutil.rmtree, path, ignore_errors=True)
        return path


def error_text(error: BaseException) -> str:
    """What a person is told of an error: message and hint, without secrets, never a traceback."""
    if isinstance(error, DbDeployError):
        return redactor.redact(str(error))
    if isinstance(error, KeyboardInterrupt):
        return f"interrupted ({error})" if str(error) else f"interrupted ({signal.Signals.SIGINT.name})"
    return redactor.redact(f"{type(error).__name__}: {error}")


def count(number: int, noun: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
