-- a row for each of the relations (oids) that there is: oid, schema.name
select c.oid::pg_catalog.int8, pg_catalog.format('%%I.%%I', n.nspname, c.relname)
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.oid = any (%(oids)s::pg_catalog.int8[]::pg_catalog.oid[])
