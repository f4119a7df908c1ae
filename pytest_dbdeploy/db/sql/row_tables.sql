-- name, kind, oid, whether a partition, populated, pages' bytes of each relation that may hold users' rows: not the system's, an extension's or %(exclude)s
select
    quote_ident(n.nspname) || '.' || quote_ident(c.relname),
    c.relkind::text,
    c.oid::bigint,
    c.relispartition,
    c.relispopulated,
    coalesce(
        case c.relkind
            when 'p' then (select sum(pg_relation_size(leaf.relid)) from pg_partition_tree(c.oid) leaf)
            when 'f' then 0
            else pg_relation_size(c.oid)
        end, 0
    )::bigint
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm', 'f')
  and c.relpersistence <> 't'
  and left(n.nspname, 3) <> 'pg_'
  and n.nspname <> 'information_schema'
  and n.nspname <> all (%(exclude)s::text[])
  and (%(schemas)s::text[] is null or n.nspname = any (%(schemas)s::text[]))
  and not exists (
      select from pg_catalog.pg_depend e
      where e.classid = 'pg_catalog.pg_class'::regclass and e.objid = c.oid and e.deptype = 'e'
  )
order by 1
