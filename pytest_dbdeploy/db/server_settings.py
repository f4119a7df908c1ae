"""What embedded servers are told on their command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

# Sockets would need a folder with a short path that other users cannot spoil: TCP with a password needs nothing.
_ALL: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "lc_messages": "C",
    "log_destination": "stderr",
    "logging_collector": "off",
    # No statement's text in the log: it may hold a password.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_min_duration_statement": "-1",
    "log_duration": "off",
    "log_parameter_max_length_on_error": "0",
}

EMBEDDED: Mapping[str, str] = {
    **_ALL,
    # People's data: durability stays on.
    "fsync": "on",
    "full_page_writes": "on",
    "max_locks_per_transaction": "1024",  # a rollback restores the whole database in one transaction
}

SANDBOX: Mapping[str, str] = {
    **_ALL,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "replica",  # minimal would hide what a rewrite writes: the evidence counts WAL
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "autovacuum": "off",
    "maintenance_work_mem": "256MB",
    "shared_buffers": "256MB",
    "max_locks_per_transaction": "4096",
    "max_connections": "60",
}

_SMALLEST_SHM = 256 * 1024 * 1024


def shared_memory() -> dict[str, str]:
    """Parallel queries fail where /dev/shm is small, as in most containers (64 MB): files in the data directory then."""
    shm = Path("/dev/shm")
    if not shm.is_dir():
        return {}
    space = os.statvfs(shm)
    return {} if space.f_bavail * space.f_frsize >= _SMALLEST_SHM else {"dynamic_shared_memory_type": "mmap"}
