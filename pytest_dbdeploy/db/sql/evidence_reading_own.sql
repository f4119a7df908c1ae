-- a reading (evidence_reading.sql) after a statement that touches only what its transaction has made: of the locks that on the one table
-- {table} (a text, null: none) that it has written to
select extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.statement_timestamp())::pg_catalog.float8,
       (pg_catalog.pg_current_wal_insert_lsn() - '0/0')::pg_catalog.int8,
       nullif(pg_catalog.current_setting('dbdeploy.seen', true), ''),
       case when pg_catalog.current_setting('dbdeploy.seen', true) <> '' then pg_catalog.set_config('dbdeploy.seen', '', false) end,
       (
           select pg_catalog.concat_ws(
               ' ', relation, 'RowExclusiveLock', coalesce(pg_catalog.pg_relation_filenode(relation), 0), pg_catalog.pg_stat_get_xact_numscans(relation),
               pg_catalog.pg_stat_get_xact_tuples_inserted(relation), pg_catalog.pg_stat_get_xact_tuples_updated(relation),
               pg_catalog.pg_stat_get_xact_tuples_deleted(relation)
           )
           from (select pg_catalog.to_regclass({table})::pg_catalog.oid as relation) written
           where relation is not null
       ),
       extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.statement_timestamp())::pg_catalog.float8
