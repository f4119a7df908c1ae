-- functions and procedures: kind, name with argument types, then their properties.
-- Those that belong to an extension or were made with a range type are left out.
select case p.prokind when 'p' then 'procedure' else 'function' end as kind,
       quote_ident(n.nspname) || '.' || quote_ident(p.proname) || '(' || oidvectortypes(p.proargtypes) || ')' as name,
       pg_get_functiondef(p.oid) as definition,
       needed.extensions as depends_on_extensions,
       pg_get_userbyid(p.proowner) as owner,
       p.proacl::text[] as acl,
       case when p.proacl is not null then acldefault('f', p.proowner)::text[] end as acl_default,
       d.description as comment
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
left join (
    select e.objid, array_agg(quote_ident(ext.extname) order by ext.extname) as extensions
    from pg_depend e
    join pg_extension ext on ext.oid = e.refobjid
    where e.refclassid = 'pg_extension'::regclass and e.deptype = 'x' and e.classid = 'pg_proc'::regclass
    group by e.objid
) needed on needed.objid = p.oid
left join pg_description d on d.classoid = 'pg_proc'::regclass and d.objoid = p.oid
where p.prokind in ('f', 'w', 'p')
  and p.pronamespace = any (%(namespaces)s::oid[])
  and not exists (
      select from pg_depend e
      where e.classid = 'pg_proc'::regclass and e.objid = p.oid and e.deptype in ('e', 'i')
  )
