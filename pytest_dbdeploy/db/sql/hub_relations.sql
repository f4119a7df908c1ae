-- a row for each schema and relation that the hub imports: schema, relation (tables, partitioned tables, views, materialized views, foreign tables; no partitions)
select n.nspname::text as schema, c.relname::text as relation
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
  and n.nspname <> 'information_schema' and n.nspname not like 'pg\_%'
order by 1, 2
