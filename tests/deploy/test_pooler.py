"""A deployment through a real pgbouncer: refused in transaction mode, where its lock would be somebody else's; not in session mode."""

import pytest

from tests.pgbouncer import pgbouncer


def test_a_pooler_in_transaction_mode_is_refused_before_anything_is_done(deployed):
    deployed.migration("0002_change", "alter table users add phone text;\n")
    with pgbouncer(deployed.url, "transaction") as through:
        result = deployed.deploy(DEV_POSTGRES_URL=through.reveal())
        assert result.ended == (10, "aborted")
        message = result.gate("test_sessions_are_our_own")["message"]
        assert "shares its sessions between clients" in message
        assert "DATABASE_URL_UNPOOLED" in message
        (done,) = deployed.states()
        again = deployed.run(f"--dbdeploy-rollback={done}", DEV_POSTGRES_URL=through.reveal())
        assert again.ended == (10, "aborted")
        assert "shares its sessions between clients" in again.report["decision"]["reasons"][0]["message"]
    assert deployed.states() == {done: "kept"}
    assert deployed.sql("select 1 from pg_locks where locktype = 'advisory'") == []


@pytest.mark.slow
def test_a_pooler_in_session_mode_is_as_good_as_none(deployed):
    deployed.migration("0002_change", "alter table users add phone text;\n")
    with pgbouncer(deployed.url, "session") as through:
        assert deployed.deploy(DEV_POSTGRES_URL=through.reveal()).ended == (0, "deployed")
