-- collations: kind, name, then their properties. Their columns have other names in other versions: read as JSON.
select 'collation' as kind,
       quote_ident(n.nspname) || '.' || quote_ident(c.collname) as name,
       case c.collprovider when 'i' then 'icu' when 'c' then 'libc' when 'b' then 'builtin' else c.collprovider::text end as provider,
       coalesce(j ->> 'colllocale', j ->> 'colliculocale') as locale,
       c.collcollate as lc_collate,
       c.collctype as lc_ctype,
       case when not c.collisdeterministic then true end as nondeterministic,
       j ->> 'collicurules' as rules,
       pg_get_userbyid(c.collowner) as owner,
       d.description as comment
from pg_collation c
cross join lateral to_jsonb(c) as j
join pg_namespace n on n.oid = c.collnamespace
left join pg_description d on d.classoid = 'pg_collation'::regclass and d.objoid = c.oid
where c.collnamespace = any (%(namespaces)s::oid[])
  and c.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_collation'::regclass and e.deptype = 'e')
