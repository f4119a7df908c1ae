-- one row: seconds since the message arrived in which this query came (the same at its end is the last column), WAL position, what the event triggers noted since the last
-- reading (which is forgotten now), and locks of the own transaction (of another query: relation, mode) as one text, null where there is none:
-- "oid mode filenode scans inserted updated deleted,...", file node 0 where there is none, the numbers by this transaction.
-- It is cheap before it is pretty: date_part() spares the way through numeric that extract() takes, and the position's difference is for the reader
select pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - pg_catalog.statement_timestamp()),
       pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text,
       case when pg_catalog.current_setting('dbdeploy.seen', true) <> ''
           then pg_catalog.concat(pg_catalog.current_setting('dbdeploy.seen'), pg_catalog.set_config('dbdeploy.seen', '', false)) end,
       (
           select pg_catalog.string_agg(pg_catalog.concat_ws(
               ' ', relation, mode, coalesce(pg_catalog.pg_relation_filenode(relation), 0), pg_catalog.pg_stat_get_xact_numscans(relation),
               pg_catalog.pg_stat_get_xact_tuples_inserted(relation), pg_catalog.pg_stat_get_xact_tuples_updated(relation),
               pg_catalog.pg_stat_get_xact_tuples_deleted(relation)
           ), ',')
           from ({relations}) locked
           where relation is not null
       ),
       pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - pg_catalog.statement_timestamp())
