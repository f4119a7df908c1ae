-- triggers: kind, name, then their properties. Internal ones (foreign keys) are left out, and a partition's copy
-- of its parent's trigger, unless it is enabled otherwise.
select 'trigger' as kind,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(g.tgname) as name,
       pg_get_triggerdef(g.oid) as definition,
       case g.tgenabled when 'D' then 'disabled' when 'R' then 'replica' when 'A' then 'always' end as enabled,
       needed.extensions as depends_on_extensions,
       d.description as comment
from pg_trigger g
join pg_class c on c.oid = g.tgrelid
join pg_namespace n on n.oid = c.relnamespace
left join pg_trigger parent on parent.oid = g.tgparentid
left join (
    select e.objid, array_agg(quote_ident(ext.extname) order by ext.extname) as extensions
    from pg_depend e
    join pg_extension ext on ext.oid = e.refobjid
    where e.refclassid = 'pg_extension'::regclass and e.deptype = 'x' and e.classid = 'pg_trigger'::regclass
    group by e.objid
) needed on needed.objid = g.oid
left join pg_description d on d.classoid = 'pg_trigger'::regclass and d.objoid = g.oid
where not g.tgisinternal
  and (parent.oid is null or parent.tgenabled <> g.tgenabled)
  and c.relnamespace = any (%(namespaces)s::oid[])
  and c.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_class'::regclass and e.deptype = 'e')
  and g.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_trigger'::regclass and e.deptype = 'e')
