-- a row for each relation with storage, as the own transaction sees it: oid, file node, rows inserted, updated, deleted by this transaction
select c.oid::bigint, pg_relation_filenode(c.oid)::bigint,
       pg_stat_get_xact_tuples_inserted(c.oid), pg_stat_get_xact_tuples_updated(c.oid), pg_stat_get_xact_tuples_deleted(c.oid)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm', 'i', 'S')
  and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
