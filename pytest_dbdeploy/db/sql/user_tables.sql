-- names of the tables that hold users' rows, partitions under their root: not the system's, an extension's or %(exclude)s text[]
select quote_ident(n.nspname) || '.' || quote_ident(c.relname)
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p')
  and not c.relispartition
  and c.relpersistence <> 't'
  and left(n.nspname, 3) <> 'pg_'
  and n.nspname <> 'information_schema'
  and n.nspname <> all (%(exclude)s::text[])
  and not exists (
      select from pg_catalog.pg_depend e
      where e.classid = 'pg_catalog.pg_class'::regclass and e.objid = c.oid and e.deptype = 'e'
  )
order by 1
