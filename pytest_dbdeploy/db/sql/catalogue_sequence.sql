-- sequences that are not an identity column's own: kind, name, then their properties; never their position
select 'sequence' as kind,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name,
       format_type(s.seqtypid, null) as type,
       s.seqstart::text as start,
       s.seqincrement::text as increment,
       s.seqmin::text as minimum,
       s.seqmax::text as maximum,
       s.seqcache::text as cache,
       nullif(s.seqcycle, false) as cycle,
       case c.relpersistence when 'u' then 'unlogged' end as persistence,
       owned.name as owned_by,
       pg_get_userbyid(c.relowner) as owner,
       c.relacl::text[] as acl,
       case when c.relacl is not null then acldefault('s', c.relowner)::text[] end as acl_default,
       d.description as comment
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_sequence s on s.seqrelid = c.oid
left join (
    select dep.objid,
           quote_ident(tn.nspname) || '.' || quote_ident(tc.relname) || '.' || quote_ident(a.attname) as name
    from pg_sequence os
    join pg_depend dep on dep.classid = 'pg_class'::regclass and dep.objid = os.seqrelid
    join pg_class tc on tc.oid = dep.refobjid
    join pg_namespace tn on tn.oid = tc.relnamespace
    join pg_attribute a on a.attrelid = tc.oid and a.attnum = dep.refobjsubid
    where dep.refclassid = 'pg_class'::regclass
      and dep.deptype = 'a' and dep.refobjsubid > 0
) owned on owned.objid = c.oid
left join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = c.oid and d.objsubid = 0
where c.relkind = 'S'
  and c.relnamespace = any (%(namespaces)s::oid[])
  and not exists (
      select from pg_depend e
      where e.classid = 'pg_class'::regclass and e.objid = c.oid and e.deptype in ('e', 'i')
  )
