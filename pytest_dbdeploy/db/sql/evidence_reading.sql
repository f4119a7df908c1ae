-- one row: seconds since the message arrived in which this query came (the same at its end is the last column), WAL position, what the event triggers noted since the last
-- reading (which is forgotten now), and the own transaction's relation locks as one text, null where there is none:
-- "oid mode filenode scans inserted updated deleted,...", file node 0 where there is none, the numbers by this transaction.
-- Relations that are surely not older than the plan (above the {last} oid of these) are of interest only when they are written to.
-- pg_lock_status() rather than the view on it: so the plan has no relation to lock
select extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.statement_timestamp())::pg_catalog.float8,
       (pg_catalog.pg_current_wal_insert_lsn() - '0/0')::pg_catalog.int8,
       nullif(pg_catalog.current_setting('dbdeploy.seen', true), ''),
       case when pg_catalog.current_setting('dbdeploy.seen', true) <> '' then pg_catalog.set_config('dbdeploy.seen', '', false) end,
       (
           select pg_catalog.string_agg(pg_catalog.concat_ws(
               ' ', relation, mode, coalesce(pg_catalog.pg_relation_filenode(relation), 0), pg_catalog.pg_stat_get_xact_numscans(relation),
               pg_catalog.pg_stat_get_xact_tuples_inserted(relation), pg_catalog.pg_stat_get_xact_tuples_updated(relation),
               pg_catalog.pg_stat_get_xact_tuples_deleted(relation)
           ), ',')
           from pg_catalog.pg_lock_status()
           where pid = pg_catalog.pg_backend_pid() and locktype = 'relation' and granted and relation >= 16384 and mode <> 'SIReadLock'
             and (relation <= {last} or (
                 mode = 'RowExclusiveLock'
                 and (pg_catalog.pg_stat_get_xact_tuples_inserted(relation) > 0 or pg_catalog.pg_stat_get_xact_tuples_updated(relation) > 0
                      or pg_catalog.pg_stat_get_xact_tuples_deleted(relation) > 0)
             ))
       ),
       extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.statement_timestamp())::pg_catalog.float8
