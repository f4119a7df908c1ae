def test_nobody_holds_a_transaction_open(dbdeploy_target):
    """A transaction of many minutes keeps its locks, and every migration of its tables would wait for it."""
    open_for_long = dbdeploy_target.fetch(
        "select pid, usename, application_name, now() - xact_start from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
        " and xact_start < now() - interval '5 minutes'"
    )
    assert not open_for_long
