-- a row for each of the indexes (schema.name) that there is: oid, schema.name, file node
select c.oid::pg_catalog.int8, x.name, pg_catalog.pg_relation_filenode(c.oid)::pg_catalog.int8
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
cross join lateral (select pg_catalog.format('%%I.%%I', n.nspname, c.relname) as name) x
where c.relkind = 'i' and x.name = any (%(names)s)
