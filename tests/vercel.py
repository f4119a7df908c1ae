"""A local stand-in for Vercel's API: every request is checked against the documented shapes, and anything else is kept as wrong.

Paths, methods, parameters and answers follow Vercel's OpenAPI description (@vercel/sdk 1.28).
"""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import threading
import time
from urllib.parse import parse_qs, urlsplit

LIST_PARAMETERS = {
    "projectId", "projectIds", "app", "target", "state", "branch", "sha", "rollbackCandidate", "since", "until", "from",
    "to", "limit", "users", "teamId", "slug",
}  # fmt: skip
TEAM = {"teamId", "slug"}
TOKEN, HOOK = "vercel-t0ken-vercel", "/v1/integrations/deploy/prj_shop/h00kh00k"


class Vercel:
    """``deployments``: newest last. ``states``: what a new build goes through, a state a question; ``current``: what serves."""

    def __init__(self, remote=None, branch="production", *, project="prj_shop", team=None):
        self.remote = remote
        self.branch = branch
        self.project = project
        self.team = team
        self.deployments = []
        self.states = ["QUEUED", "BUILDING", "READY"]
        self.auto = True
        self.hook_only = False
        self.requests = []
        self.wrong = []
        self.answers = []  # (status, headers, body) to be given before anything else
        self.refuse_rollback = 0
        self.current = None
        self.lock = threading.RLock()

    # -- what a test sets up

    def add(self, commit, state="READY", *, target="production", substate="PROMOTED"):
        number = len(self.deployments) + 1
        one = {
            "uid": f"dpl_{number:04}", "name": "shop", "url": f"shop-{number:04}.vercel.app", "created": 1_700_000_000_000 + number,
            "createdAt": 1_700_000_000_000 + number, "state": state, "readyState": state, "target": target,
            "meta": {"githubCommitSha": commit, "githubCommitRef": self.branch}, "inspectorUrl": f"https://vercel.com/x/{number}",
            "isRollbackCandidate": True, "aliasAssigned": None, "_states": [],
        }  # fmt: skip
        if state == "READY" and target == "production":
            one["readySubstate"] = substate
            if substate == "PROMOTED":
                self.current = one["uid"]
        self.deployments.append(one)
        return one["uid"]

    def build(self, commit):
        uid = self.add(commit, self.states[0])
        self.deployments[-1]["_states"] = list(self.states[1:])
        return uid

    def commit_of(self, uid):
        return next(one["meta"]["githubCommitSha"] for one in self.deployments if one["uid"] == uid)

    # -- what happens on Vercel

    def _notice_pushes(self):
        """The git integration: each new commit of the branch is built."""
        if self.remote is None or self.hook_only:
            return
        path = self.remote / "refs" / "heads" / self.branch
        tip = path.read_text().strip() if path.exists() else None
        if tip and tip not in {one["meta"]["githubCommitSha"] for one in self.deployments}:
            self.build(tip)

    def _go_on(self, one):
        if not one["_states"]:
            return
        state = one["_states"].pop(0)
        one["state"] = one["readyState"] = state
        if state == "ERROR":
            one["errorCode"], one["errorMessage"] = "BUILD_FAILED", 'Command "npm run build" exited with 1'
        if state == "READY":
            one["readySubstate"] = "PROMOTED" if self.auto else "STAGED"
            if self.auto:
                self.current = one["uid"]

    # -- answers

    def answer(self, method, path, query, headers, body):
        with self.lock:
            self._notice_pushes()
            if path == HOOK:
                return self._hook(method, query, headers, body)
            if headers.get("Authorization") != f"Bearer {TOKEN}":
                return self._error(401, "unauthorized", "The token is not valid")
            expected = {"teamId": [self.team]} if self.team else {}
            if {k: v for k, v in query.items() if k in TEAM} != expected:
                return self._error(403, "forbidden", "Not authorized")
            if body:
                return self._wrong(f"{method} {path} has a body")
            for pattern, handler in (
                (r"GET /v7/deployments", self._list),
                (r"GET /v13/deployments/([\w-]+)", self._get),
                (r"PATCH /v12/deployments/(\w+)/cancel", self._cancel),
                (r"POST /v1/projects/(\w+)/rollback/(\w+)", self._rollback),
                (r"POST /v10/projects/(\w+)/promote/(\w+)", self._promote),
                (r"GET /v1/projects/(\w+)/promote/aliases", self._aliases),
            ):
                found = re.fullmatch(pattern, f"{method} {path}")
                if found:
                    return handler(query, *found.groups())
            return self._wrong(f"{method} {path} is not documented")

    def _wrong(self, text):
        self.wrong.append(text)
        return self._error(400, "bad_request", text)

    def _error(self, status, code, message):
        return status, {}, {"error": {"code": code, "message": message}}

    def _list(self, query):
        if set(query) - LIST_PARAMETERS:
            return self._wrong(f"unknown parameters {sorted(set(query) - LIST_PARAMETERS)}")
        if query.get("projectId") != [self.project]:
            return self._error(404, "not_found", "Project not found")
        found = self.deployments
        for key, value in (
            ("target", lambda one: one["target"]),
            ("state", lambda one: one["state"]),
            ("sha", lambda one: one["meta"]["githubCommitSha"]),
            ("branch", lambda one: one["meta"]["githubCommitRef"]),
        ):
            if key in query:
                found = [one for one in found if value(one) == query[key][0]]
        shown = [self._shown(one) for one in reversed(found)][: int(query.get("limit", ["20"])[0])]
        return (
            200,
            {},
            {"deployments": shown, "pagination": {"count": len(shown), "next": None, "prev": None}},
        )

    def _shown(self, one):
        return {key: value for key, value in one.items() if not key.startswith("_")}

    def _get(self, query, uid):
        if set(query) - TEAM - {"withGitRepoInfo"}:
            return self._wrong(f"unknown parameters {sorted(query)}")
        one = self._one(uid)
        if one is None:
            return self._error(404, "not_found", "Deployment not found")
        self._go_on(one)
        shown = self._shown(one)
        return 200, {}, {**shown, "id": shown.pop("uid"), "status": one["readyState"]}

    def _one(self, uid):
        return next((one for one in self.deployments if one["uid"] == uid), None)

    def _cancel(self, query, uid):
        one = self._one(uid)
        if one is None or one["state"] not in ("QUEUED", "INITIALIZING", "BUILDING"):
            return self._error(400, "bad_request", "The deployment has ended")
        one["state"] = one["readyState"] = "CANCELED"
        one["_states"] = []
        return 200, {}, {**self._shown(one), "id": uid}

    def _rollback(self, query, project, uid):
        if set(query) - TEAM - {"description"}:
            return self._wrong(f"unknown parameters {sorted(query)}")
        if self.refuse_rollback:
            return self._error(self.refuse_rollback, "plan", "Only the previous deployment")
        return self._make_current(project, uid, 201)

    def _promote(self, query, project, uid):
        if set(query) - TEAM:
            return self._wrong(f"unknown parameters {sorted(query)}")
        self.auto = True
        return self._make_current(project, uid, 202)

    def _make_current(self, project, uid, status):
        one = self._one(uid)
        if project != self.project or one is None or one["state"] != "READY":
            return self._error(404, "not_found", "Deployment not found")
        self.auto = status == 202
        self.current = uid
        one["readySubstate"] = "PROMOTED"
        return status, {}, {}

    def _aliases(self, query, project):
        return (
            200,
            {},
            {"aliases": [{"alias": "shop.example", "id": "als_1", "status": "completed"}], "pagination": {}},
        )

    def _hook(self, method, query, headers, body):
        if method != "POST" or query or body or "Authorization" in headers:
            return self._wrong("a deploy hook takes a POST without anything")
        if self.remote is not None:
            self.build((self.remote / "refs" / "heads" / self.branch).read_text().strip())
        return 201, {}, {"job": {"id": "job_1", "state": "PENDING", "createdAt": int(time.time() * 1000)}}

    # -- the server

    @contextlib.contextmanager
    def serving(self):
        """Yields itself; at the end no request may have been wrong."""
        vercel = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _answer(self):
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with vercel.lock:
                    vercel.requests.append(f"{self.command} {parts.path}")
                    canned = vercel.answers.pop(0) if vercel.answers else None
                status, headers, content = canned or vercel.answer(
                    self.command,
                    parts.path,
                    parse_qs(parts.query, keep_blank_values=True),
                    self.headers,
                    body,
                )
                text = json.dumps(content).encode() if not isinstance(content, bytes) else content
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(text)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer

            def log_message(self, *arguments):
                """Quiet."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
        assert self.wrong == []
