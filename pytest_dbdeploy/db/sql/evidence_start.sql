-- one row: WAL position. An earlier transaction's counters are flushed at its end, and what the event triggers noted is forgotten
select (pg_catalog.pg_current_wal_insert_lsn() - '0/0')::pg_catalog.int8,
       pg_catalog.pg_stat_force_next_flush(), pg_catalog.set_config('dbdeploy.seen', '', false)
