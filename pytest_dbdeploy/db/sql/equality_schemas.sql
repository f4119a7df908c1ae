-- the schemas, other than pg_catalog, that have an operator `=`
select distinct n.nspname::text
from pg_catalog.pg_operator o
join pg_catalog.pg_namespace n on n.oid = o.oprnamespace
where o.oprname = '=' and n.nspname <> 'pg_catalog'
order by 1
