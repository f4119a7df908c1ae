-- a row for each table, partitioned table, materialized view, foreign table of the users: name, kind, estimated rows, bytes, whether the role may read it and owns it
select format('%%I.%%I', n.nspname, c.relname) as name,
       case c.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'm' then 'materialized view' else 'foreign table' end as kind,
       c.reltuples::bigint as rows,
       case when c.relkind = 'f' then 0 else pg_total_relation_size(c.oid) end as bytes,
       has_table_privilege(c.oid, 'SELECT') as readable,
       pg_has_role(c.relowner, 'USAGE') as owned
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm', 'f')
  and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
  and n.nspname not like 'pg\_temp\_%%' and n.nspname not like 'pg\_toast\_temp\_%%'
  and n.nspname <> all (%(own_schemas)s::text[])
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by 1
