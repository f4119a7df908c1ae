-- a row for each relation lock of the own transaction (one of nulls where there is none): oid, mode, file node, scans,
-- rows inserted, updated, deleted by this transaction; WAL position; what the event triggers noted since the last reading
select l.relation::pg_catalog.int8, l.mode, pg_catalog.pg_relation_filenode(l.relation)::pg_catalog.int8,
       pg_catalog.pg_stat_get_xact_numscans(l.relation), pg_catalog.pg_stat_get_xact_tuples_inserted(l.relation),
       pg_catalog.pg_stat_get_xact_tuples_updated(l.relation), pg_catalog.pg_stat_get_xact_tuples_deleted(l.relation),
       (pg_catalog.pg_current_wal_insert_lsn() - '0/0')::pg_catalog.int8,
       pg_catalog.current_setting('dbdeploy.seen', true), pg_catalog.set_config('dbdeploy.seen', '', false)
from (values (1)) one
left join pg_catalog.pg_locks l
       on l.pid = pg_catalog.pg_backend_pid() and l.locktype = 'relation' and l.granted and l.relation >= 16384
