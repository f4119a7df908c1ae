"""A network of one's own, which loses packets: a namespace, a cable to it, and a packet filter (iproute2, nftables)."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers import missing


class Island:
    """Processes started by ``command`` reach this machine as ``host``, by a cable that can lose all that passes.

    Nothing is refused and nothing is answered then, in either direction: nobody can tell it from a long silence.
    """

    def __init__(self, name: str, host: str) -> None:
        self.name, self.host = name, host
        self.command = ["ip", "netns", "exec", name]

    def cut(self) -> None:
        for hook, side in (("input", "iifname"), ("output", "oifname")):
            self._nft("add", "chain", "inet", "cut", hook, f"{{ type filter hook {hook} priority 0; }}")
            self._nft("add", "rule", "inet", "cut", hook, side, "!=", "lo", "drop")

    def deafen(self) -> None:
        """What is sent arrives; no answer comes back."""
        self._nft("add", "chain", "inet", "cut", "input", "{ type filter hook input priority 0; }")
        self._nft("add", "rule", "inet", "cut", "input", "iifname", "!=", "lo", "drop")

    def mend(self) -> None:
        self._nft("flush", "table", "inet", "cut")

    def _nft(self, *arguments: str) -> None:
        _run(*self.command, "nft", *arguments)


@contextmanager
def island() -> Iterator[Island]:
    """Skips the test where no namespaces can be made, or a program is missing."""
    name = f"dbd{secrets.token_hex(3)}"
    net = f"10.{os.getpid() % 200 + 20}.{secrets.randbelow(250)}"
    made = Island(name, f"{net}.1")
    try:
        try:
            _run("ip", "netns", "add", name)
            _run("ip", "link", "add", f"{name}a", "type", "veth", "peer", "name", f"{name}b", "netns", name)
            _run("ip", "address", "add", f"{net}.1/24", "dev", f"{name}a")
            _run("ip", "link", "set", f"{name}a", "up")
            for command in (
                f"address add {net}.2/24 dev {name}b",
                f"link set {name}b up",
                "link set lo up",
            ):
                _run("ip", "-n", name, *command.split())
            made._nft("add", "table", "inet", "cut")
        except (OSError, subprocess.CalledProcessError) as error:
            missing(f"no network of our own: {error}")
        yield made
    finally:
        for command in (["ip", "link", "del", f"{name}a"], ["ip", "netns", "del", name]):
            subprocess.run(command, capture_output=True, check=False)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
