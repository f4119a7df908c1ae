-- a row for each relation lock of the own transaction (one of nulls where there is none): oid, mode, file node, scans,
-- rows inserted, updated, deleted by this transaction, schema.name of a relation written to; and in each row: WAL position,
-- what the event triggers noted since the last reading, seconds since the message arrived in which this query came. Relations that
-- are surely not older than the plan (above the {last} oid of these) are of interest only when they are written to
select l.oid, l.mode, l.filenode, l.scans, l.inserted, l.updated, l.deleted,
       case when l.inserted + l.updated + l.deleted > 0 then (
           select pg_catalog.format('%I.%I', n.nspname, c.relname)
           from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = l.relation
       ) end,
       one.lsn, one.noted, one.seconds
from (
    select extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.statement_timestamp())::pg_catalog.float8 as seconds,
           (pg_catalog.pg_current_wal_insert_lsn() - '0/0')::pg_catalog.int8 as lsn,
           pg_catalog.current_setting('dbdeploy.seen', true) as noted, pg_catalog.set_config('dbdeploy.seen', '', false)
) one
left join (
    select relation, relation::pg_catalog.int8 as oid, mode, pg_catalog.pg_relation_filenode(relation)::pg_catalog.int8 as filenode,
           pg_catalog.pg_stat_get_xact_numscans(relation) as scans,
           pg_catalog.pg_stat_get_xact_tuples_inserted(relation) as inserted,
           pg_catalog.pg_stat_get_xact_tuples_updated(relation) as updated,
           pg_catalog.pg_stat_get_xact_tuples_deleted(relation) as deleted
    from pg_catalog.pg_locks
    where pid = pg_catalog.pg_backend_pid() and locktype = 'relation' and granted and relation >= 16384 and mode <> 'SIReadLock'
) l on l.relation <= {last} or l.inserted + l.updated + l.deleted > 0
