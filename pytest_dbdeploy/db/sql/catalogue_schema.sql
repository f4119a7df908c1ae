-- schemas: kind, name, then their properties
select 'schema' as kind,
       quote_ident(n.nspname) as name,
       pg_get_userbyid(n.nspowner) as owner,
       n.nspacl::text[] as acl,
       case when n.nspacl is not null then acldefault('n', n.nspowner)::text[] end as acl_default,
       d.description as comment
from pg_namespace n
left join pg_description d on d.classoid = 'pg_namespace'::regclass and d.objoid = n.oid
where n.oid = any (%(namespaces)s::oid[])
  and n.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_namespace'::regclass and e.deptype = 'e')
