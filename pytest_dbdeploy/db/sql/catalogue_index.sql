-- indexes that belong to no constraint: kind, name, then their properties
select 'index' as kind,
       quote_ident(n.nspname) || '.' || quote_ident(x.relname) as name,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) as "table",
       pg_get_indexdef(x.oid) as definition,
       case when not i.indisvalid then true end as invalid,
       case when i.indisclustered then true end as clustered,
       space.spcname as tablespace,
       quote_ident(pn.nspname) || '.' || quote_ident(p.relname) as attached_to,
       targets.found as statistics_targets,
       needed.extensions as depends_on_extensions,
       d.description as comment
from pg_index i
join pg_class x on x.oid = i.indexrelid
join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = x.relnamespace
left join pg_tablespace space on space.oid = x.reltablespace
left join pg_inherits inh on inh.inhrelid = x.oid
left join pg_class p on p.oid = inh.inhparent
left join pg_namespace pn on pn.oid = p.relnamespace
left join (
    select a.attrelid, array_agg(a.attnum || ': ' || a.attstattarget order by a.attnum) as found
    from pg_attribute a join pg_class ac on ac.oid = a.attrelid and ac.relkind in ('i', 'I')
    where a.attstattarget >= 0
    group by a.attrelid
) targets on targets.attrelid = x.oid
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
  and not exists (select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = c.oid and e.deptype = 'e')
  and not exists (select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = x.oid and e.deptype = 'e')
