-- name, kind, oid, whether a partition, populated, about how many bytes: each relation that may hold users' rows: not the system's, an extension's or %(exclude)s
select
    quote_ident(n.nspname) || '.' || quote_ident(c.relname),
    c.relkind::text,
    c.oid::bigint,
    c.relispartition,
    c.relispopulated,
    -- not pg_relation_size, which waits for whoever has locked the table
    coalesce((
        select sum(
            case when part.reltuples < 0 then pg_stat_get_live_tuples(part.oid) * 200
            else part.relpages * current_setting('block_size')::bigint end
        )
        from (
            select c.oid, c.reltuples, c.relpages where c.relkind <> 'p'
            union all
            select leaf.oid, leaf.reltuples, leaf.relpages
            from pg_partition_tree(case when c.relkind = 'p' then c.oid end) tree
            join pg_catalog.pg_class leaf on leaf.oid = tree.relid and leaf.relkind <> 'p'
        ) part
    ), 0)::bigint
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
