-- a row for each relation of the users with storage: oid, file node, scans and rows inserted, updated, deleted so far, by the statistics
select c.oid::bigint, pg_relation_filenode(c.oid)::bigint, pg_stat_get_numscans(c.oid),
       pg_stat_get_tuples_inserted(c.oid), pg_stat_get_tuples_updated(c.oid), pg_stat_get_tuples_deleted(c.oid)
from pg_class c
where c.relkind in ('r', 'm', 'i') and c.oid >= 16384
