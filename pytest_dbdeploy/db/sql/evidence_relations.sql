-- a row for each relation of the users that exists now: oid, schema.name, relkind
select c.oid::bigint, format('%I.%I', n.nspname, c.relname), c.relkind::text
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm', 'v', 'f', 'i', 'I', 'S')
  and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
  and n.nspname not like 'pg\_temp\_%' and n.nspname not like 'pg\_toast\_temp\_%'
