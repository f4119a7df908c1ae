-- views and materialized views: kind, name, then their properties
select case c.relkind when 'm' then 'materialized view' else 'view' end as kind,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name,
       pg_get_viewdef(c.oid) as definition,
       case when c.reloptions is not null then array(select o from unnest(c.reloptions) as o order by o) end as options,
       case when toast.reloptions is not null then array(select o from unnest(toast.reloptions) as o order by o) end as toast_options,
       case when c.relkind = 'm' then c.relispopulated end as populated,
       needed.extensions as depends_on_extensions,
       nullif(am.amname, 'heap') as access_method,
       space.spcname as tablespace,
       case when c.relkind = 'm' then case c.relreplident when 'n' then 'nothing' when 'f' then 'full' end end as replica_identity,
       pg_get_userbyid(c.relowner) as owner,
       c.relacl::text[] as acl,
       case when c.relacl is not null then acldefault('r', c.relowner)::text[] end as acl_default,
       d.description as comment
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_class toast on toast.oid = c.reltoastrelid
left join pg_am am on am.oid = c.relam
left join pg_tablespace space on space.oid = c.reltablespace
left join (
    select e.objid, array_agg(quote_ident(ext.extname) order by ext.extname) as extensions
    from pg_depend e
    join pg_extension ext on ext.oid = e.refobjid
    where e.refclassid = 'pg_extension'::regclass and e.deptype = 'x' and e.classid = 'pg_class'::regclass
    group by e.objid
) needed on needed.objid = c.oid
left join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = c.oid and d.objsubid = 0
where c.relkind in ('v', 'm')
  and c.relnamespace = any (%(namespaces)s::oid[])
  and c.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_class'::regclass and e.deptype = 'e')
