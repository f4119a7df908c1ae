-- indexes that belong to no constraint: kind, name, then their properties.
-- Most are plain: a btree of columns, with what is the default for each. Written from the catalogue, as pg_get_indexdef would,
-- they take a third of its time; it loads each index by itself.
with plain as materialized (
    select i.indexrelid,
           string_agg(quote_ident(a.attname)
                      || case i.indoption[k - 1] when 1 then ' DESC NULLS LAST' when 2 then ' NULLS FIRST' when 3 then ' DESC' else '' end,
                      ', ' order by k) as keys
    from pg_index i
    join pg_class x on x.oid = i.indexrelid
    join generate_series(1, (select max(indnkeyatts) from pg_index)) as k on k <= i.indnkeyatts
    cross join lateral ( -- one by one: all columns of the database are more
        select attname, atttypid, attcollation from pg_attribute where attrelid = i.indrelid and attnum = i.indkey[k - 1] limit 1
    ) a
    join pg_opclass o on o.oid = i.indclass[k - 1]
    where x.relnamespace = any (%(namespaces)s::oid[])
      and x.relkind = 'i'
      and x.relam = (select oid from pg_am where amname = 'btree')
      and x.reloptions is null
      and i.indexprs is null
      and i.indnatts = i.indnkeyatts
      and not i.indnullsnotdistinct
      and not i.indisprimary
    group by i.indexrelid
    having bool_and(o.oid < 16384 and o.opcdefault
                    and (o.opcintype = a.atttypid or (o.opcintype = 'text'::regtype and a.atttypid = 'varchar'::regtype))
                    and i.indcollation[k - 1] in (0, a.attcollation))
)
select 'index' as kind,
       quote_ident(n.nspname) || '.' || quote_ident(x.relname) as name,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) as "table",
       case when plain.keys is null then pg_get_indexdef(x.oid)
            else concat('CREATE ', case when i.indisunique then 'UNIQUE ' end, 'INDEX ', quote_ident(x.relname), ' ON ',
                        quote_ident(n.nspname), '.', quote_ident(c.relname), ' USING btree (', plain.keys, ')',
                        ' WHERE ' || pg_get_expr(i.indpred, i.indrelid)) end as definition,
       case when not i.indisvalid then true end as invalid,
       case when i.indisclustered then true end as clustered,
       space.spcname as tablespace,
       quote_ident(pn.nspname) || '.' || quote_ident(p.relname) as attached_to,
       -- only an expression can have one
       case when i.indexprs is not null then (
           select array_agg(a.attnum || ': ' || a.attstattarget order by a.attnum)
           from pg_attribute a where a.attrelid = x.oid and a.attstattarget >= 0
       ) end as statistics_targets,
       needed.extensions as depends_on_extensions,
       d.description as comment
from pg_index i
join pg_class x on x.oid = i.indexrelid
join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = x.relnamespace
left join plain on plain.indexrelid = x.oid
left join pg_tablespace space on space.oid = x.reltablespace
left join (
    pg_inherits inh
    join pg_class p on p.oid = inh.inhparent
    join pg_namespace pn on pn.oid = p.relnamespace
) on inh.inhrelid = x.oid
left join (
    select e.objid, array_agg(quote_ident(ext.extname) order by ext.extname) as extensions
    from pg_depend e
    join pg_extension ext on ext.oid = e.refobjid
    where e.refclassid = 'pg_extension'::regclass and e.deptype = 'x' and e.classid = 'pg_class'::regclass
    group by e.objid
) needed on needed.objid = x.oid
left join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = x.oid and d.objsubid = 0
where x.relnamespace = any (%(namespaces)s::oid[])
  and not exists (select from pg_constraint k where k.conindid = x.oid and k.contype in ('p', 'u', 'x'))
  and c.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_class'::regclass and e.deptype = 'e')
  and x.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_class'::regclass and e.deptype = 'e')
