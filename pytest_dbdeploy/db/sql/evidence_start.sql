-- one row: WAL position. The counters of the transactions so far are flushed at the end of this one (in the middle of the next they
-- would fall), and what the event triggers noted is forgotten
select pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text, pg_catalog.pg_stat_force_next_flush(),
       case when pg_catalog.current_setting('dbdeploy.seen', true) <> '' then pg_catalog.set_config('dbdeploy.seen', '', false) end
