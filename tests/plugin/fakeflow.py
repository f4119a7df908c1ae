"""The conftest.py of the projects that the session's tests run: a flow without a database, which writes down what happens.

What it does is said by the variable FAKE (JSON); what happened is in the file FAKE_LOG, a JSON object a line.
"""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from pytest_dbdeploy import critical
from pytest_dbdeploy.decision import decide
from pytest_dbdeploy.errors import ConfigError
from pytest_dbdeploy.flows.base import Close, Go
from pytest_dbdeploy.model import ExitStatus, Level, LogPhase, Mode, Phase, Verdict
from pytest_dbdeploy.session.source import SessionSource
from pytest_dbdeploy.session.state import GATE

FAKE = json.loads(os.environ.get("FAKE", "{}"))
LOG = Path(os.environ.get("FAKE_LOG", os.devnull))  # now: a gate may change the environment
if FAKE.get("group") and "PYTEST_XDIST_WORKER" not in os.environ:
    os.setpgid(0, 0)  # as a terminal does: the controller with its workers
EVERY = (Phase.PREFLIGHT, Phase.SANDBOX, Phase.POSTDEPLOY)


def log(event, **more):
    with LOG.open("a") as file:
        file.write(json.dumps({"time": time.time(), "pid": os.getpid(), "event": event, **more}) + "\n")


class FakeFlow:
    mode = Mode.DEPLOY
    phases = tuple(Phase(name) for name in FAKE.get("phases", EVERY))

    def __init__(self, steps, config):
        self.steps, self.config = steps, config
        self.exit_status = ExitStatus.ABORTED
        self.deployed = self.ended = False
        self.decision = self.outcome = None
        self.why = ""
        if FAKE.get("junit"):
            self.junit_path = config.rootpath / FAKE["junit"]

    def _act(self, where):
        for action in FAKE.get(where, []):
            kind, _, value = action.partition(":")
            if kind == "config-error":
                raise ConfigError(value, hint="do it right")
            if kind == "raise":
                raise ValueError(value)
            if kind == "interrupt":
                raise KeyboardInterrupt
            if kind == "signal":
                os.kill(os.getpid(), signal.Signals[value])
            if kind == "signal-group":
                os.killpg(0, signal.Signals[value])
            if kind == "sleep":
                time.sleep(float(value))
            if kind == "lose-terminal":
                reader, writer = os.pipe()
                os.close(reader)
                os.dup2(writer, self.config.pluginmanager.getplugin("terminalreporter")._tw._file.fileno())
            if kind == "say":
                self.steps.message(LogPhase.ROLLBACK, Level.ERROR, value)
            if kind == "kill-workers":
                for node in self.config.pluginmanager.getplugin("dsession").sched.nodes:
                    os.kill(node.gateway._rinfo().pid, signal.SIGKILL)

    def prepare(self):
        log("prepare")
        self._act("prepare")

    def public_facts(self):
        return {"tables": FAKE.get("tables", ["public.a", "public.b"]), "rules": ["table-removed"]}

    def collected(self, ledger):
        log("collected", gates=[gate.nodeid for gate in ledger.gates], problems=list(ledger.problems))
        self._act("collected")

    def before(self, phase, ledger):
        log("before", phase=phase)
        if phase in FAKE.get("close", {}):
            return Close(FAKE["close"][phase], not_applicable=True)
        ended, to_come = self.phases[: self.phases.index(phase)], self.phases[self.phases.index(phase) :]
        if ended:
            decision = decide(ledger.gates, ledger.problems, ended=ended, to_come=to_come)
            if decision.verdict is not Verdict.DEPLOY:
                self.decision, self.why = decision, decision.reasons[0].message
                return Close(f"not deployed: {self.why}")
        if phase is Phase.SANDBOX:
            self._step("clone", "sandbox")
        if phase is Phase.POSTDEPLOY:
            self.decision = decision
            self.deployed = True
            log("deploy")
            self._step("deploy", "deploy")
        log("go", phase=phase)
        return Go({"target": "postgresql://u:verysecret@127.0.0.1:1/db", "checks": {"phase": str(phase)}})

    def _step(self, name, where):
        with self.steps.step(name, name, LogPhase.DEPLOY, testcase=True) as step:
            self._act(where)
            step.done("done")

    def finish(self, ledger):
        log(
            "finish",
            gates={gate.nodeid: gate.outcome for gate in ledger.gates},
            problems=list(ledger.problems),
        )
        self._act("finish")
        self._end(decide(ledger.gates, ledger.problems, ended=self.phases), ExitStatus.OK)

    def abandon(self, why, ledger, *, interrupted):
        log("abandon", why=why, interrupted=interrupted, problems=list(ledger.problems))
        self.why = why
        self._end(None, ExitStatus.INTERRUPTED if interrupted else None)

    def _end(self, decision, status):
        if decision is not None and decision.verdict is Verdict.DEPLOY:
            self.exit_status = ExitStatus.OK
        elif self.deployed:
            with critical.section(final=True):  # as the real one
                log("rollback")
                self._act("rollback")
                log("rolled-back")
            self.exit_status = ExitStatus(FAKE.get("rolled_back", status or ExitStatus.ROLLED_BACK))
        else:
            self.exit_status = status or ExitStatus.ABORTED
        if "outcome" in FAKE:
            self.exit_status = ExitStatus(FAKE["outcome"])

    def close(self, ledger):
        log("close", gates={gate.nodeid: [gate.outcome, gate.message] for gate in ledger.gates})
        self._act("close")

    def pause(self):
        log("pause")

    def go_on(self):
        log("go-on")

    def header(self):
        return ["dbdeploy: fake"]

    def summary(self):
        return ["", f"verdict: {self.exit_status.name}", f"reason: {self.why}"]

    def last_lines(self, status):
        return ["::error title=a note for CI::", f"dbdeploy: outcome=fake id=deploy-fake exit={status}"]

    def junit_properties(self):
        return {"dbdeploy.outcome": self.exit_status.name}


def pytest_dbdeploy_session_source(config, action):
    if FAKE.get("settings"):
        raise ConfigError(FAKE["settings"])
    paths = tuple(config.rootpath / path for path in FAKE.get("paths", ["gates"]))
    flow = lambda steps: FakeFlow(steps, config)  # noqa: E731 - short
    return SessionSource(paths, tuple(FAKE.get("require", ())), flow, built_in=FAKE.get("built_in", False))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    gate = item.stash.get(GATE, None)
    if gate is not None:
        log("gate-started", nodeid=gate.nodeid, phase=gate.phase)
    try:
        return (yield)
    finally:
        if gate is not None:
            log("gate-ended", nodeid=gate.nodeid, phase=gate.phase)
