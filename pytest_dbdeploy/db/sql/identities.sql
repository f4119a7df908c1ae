-- a row for each object of the users that can be renamed: what stays its identity (catalogue, oid, number), kind and name as in a snapshot
select 'class' as catalogue, c.oid::bigint, 0 as number,
       case c.relkind when 'f' then 'foreign table' when 'v' then 'view' when 'm' then 'materialized view'
                      when 'S' then 'sequence' when 'i' then 'index' when 'I' then 'index' else 'table' end as kind,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'f', 'v', 'm', 'S', 'i', 'I') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
union all
select 'class', a.attrelid::bigint, a.attnum, case when c.relkind in ('v', 'm') then 'view column' else 'column' end,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(a.attname)
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'f', 'v', 'm') and a.attnum > 0 and not a.attisdropped
  and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
union all
select 'constraint', k.oid::bigint, 0, 'constraint',
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(k.conname)
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
where k.contype in ('p', 'u', 'c', 'f', 'x') and n.nspname not in ('pg_catalog', 'information_schema')
union all
select 'proc', p.oid::bigint, 0, case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
       quote_ident(n.nspname) || '.' || quote_ident(p.proname) || '(' || oidvectortypes(p.proargtypes) || ')'
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname not in ('pg_catalog', 'information_schema')
union all
select 'type', t.oid::bigint, 0, 'type', quote_ident(n.nspname) || '.' || quote_ident(t.typname)
from pg_type t join pg_namespace n on n.oid = t.typnamespace left join pg_class c on c.oid = t.typrelid
where (t.typtype in ('e', 'd', 'r') or (t.typtype = 'c' and c.relkind = 'c')) and n.nspname not in ('pg_catalog', 'information_schema')
union all
select 'trigger', g.oid::bigint, 0, 'trigger',
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(g.tgname)
from pg_trigger g join pg_class c on c.oid = g.tgrelid join pg_namespace n on n.oid = c.relnamespace
where not g.tgisinternal and n.nspname not in ('pg_catalog', 'information_schema')
union all
select 'policy', y.oid::bigint, 0, 'policy',
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(y.polname)
from pg_policy y join pg_class c on c.oid = y.polrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname not in ('pg_catalog', 'information_schema')
union all
select 'namespace', n.oid::bigint, 0, 'schema', quote_ident(n.nspname)
from pg_namespace n where left(n.nspname, 3) <> 'pg_' and n.nspname <> 'information_schema'
