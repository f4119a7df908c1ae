-- a row for each relation that a dump must hold: kind as in an archive's list, schema, name
select case c.relkind when 'r' then 'TABLE' when 'p' then 'TABLE' when 'v' then 'VIEW' when 'm' then 'MATERIALIZED VIEW'
                      when 'S' then 'SEQUENCE' else 'FOREIGN TABLE' end as kind,
       n.nspname::text as schema, c.relname::text as name
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
  and n.nspname <> 'information_schema' and n.nspname not like 'pg\_%%' and n.nspname <> all(%(exclude)s::text[])
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
                  and d.refclassid = 'pg_namespace'::regclass and d.refobjid in
                      (select objid from pg_depend x where x.classid = 'pg_namespace'::regclass and x.deptype = 'e'))
order by 2, 3
