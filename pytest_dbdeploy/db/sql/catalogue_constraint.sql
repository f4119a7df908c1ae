-- constraints of tables, with the options of their indexes: kind, name, then their properties.
-- NOT NULL is a property of the column; foreign keys that PostgreSQL clones for partitions are their parent's.
select 'constraint' as kind,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(k.conname) as name,
       case k.contype when 'p' then 'primary key' when 'u' then 'unique' when 'c' then 'check'
                      when 'f' then 'foreign key' when 'x' then 'exclude' end as type,
       pg_get_constraintdef(k.oid) as definition,
       case when not k.convalidated then true end as not_valid,
       case when not k.conislocal then true end as inherited,
       case when x.reloptions is not null then array(select o from unnest(x.reloptions) as o order by o) end as options,
       space.spcname as tablespace,
       case when i.indisclustered then true end as clustered,
       case when not i.indisvalid then true end as invalid,
       quote_ident(pn.nspname) || '.' || quote_ident(p.relname) as attached_to,
       needed.extensions as depends_on_extensions,
       -- the triggers that enforce a foreign key, switched off by DISABLE TRIGGER ALL
       case when k.contype = 'f' then array(
           select distinct case g.tgenabled when 'D' then 'disabled' when 'R' then 'replica' else 'always' end from pg_trigger g
           where g.tgconstraint = k.oid and g.tgisinternal and g.tgenabled <> 'O' order by 1
       ) end as enforcing_triggers,
       xd.description as index_comment,
       -- no dump has the comment of a check that is a parent's alone
       case when k.conislocal or k.contype <> 'c' then d.description end as comment
from pg_constraint k
join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace
left join pg_class x on x.oid = k.conindid and k.contype in ('p', 'u', 'x')
left join pg_index i on i.indexrelid = x.oid
left join pg_tablespace space on space.oid = x.reltablespace
left join (
    pg_inherits inh
    join pg_class p on p.oid = inh.inhparent
    join pg_namespace pn on pn.oid = p.relnamespace
) on inh.inhrelid = x.oid
left join pg_description xd on xd.classoid = 'pg_class'::regclass and xd.objoid = x.oid and xd.objsubid = 0
left join (
    select e.objid, array_agg(quote_ident(ext.extname) order by ext.extname) as extensions
    from pg_depend e
    join pg_extension ext on ext.oid = e.refobjid
    where e.refclassid = 'pg_extension'::regclass and e.deptype = 'x' and e.classid = 'pg_class'::regclass
    group by e.objid
) needed on needed.objid = x.oid
left join pg_description d on d.classoid = 'pg_constraint'::regclass and d.objoid = k.oid
where k.contype in ('p', 'u', 'c', 'f', 'x')
  and not (k.contype = 'f' and k.conparentid <> 0)
  and c.relnamespace = any (%(namespaces)s::oid[])
  and c.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_class'::regclass and e.deptype = 'e')
