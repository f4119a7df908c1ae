-- a row for each of the relations ({oids}) that there is: oid, schema.name, file node
select c.oid::pg_catalog.int8, pg_catalog.format('%I.%I', n.nspname, c.relname),
       pg_catalog.pg_relation_filenode(c.oid)::pg_catalog.int8
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.oid = any ('{{oids}}'::pg_catalog.oid[])
