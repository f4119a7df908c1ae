-- a row for each relation of the users: oid, schema.name, relkind, file node, estimated rows (-1: none), bytes
select c.oid::bigint, format('%I.%I', n.nspname, c.relname), c.relkind::text, pg_relation_filenode(c.oid)::bigint,
       c.reltuples::bigint, case when c.relkind in ('r', 'm', 'i') then pg_table_size(c.oid) else 0 end
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm', 'v', 'f', 'i', 'I', 'S')
  and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
  and n.nspname not like 'pg\_temp\_%' and n.nspname not like 'pg\_toast\_temp\_%'
