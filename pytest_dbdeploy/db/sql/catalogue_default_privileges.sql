-- default privileges: kind, name, then their properties
select 'default privileges' as kind,
       quote_ident(pg_get_userbyid(a.defaclrole)) || coalesce(' in schema ' || quote_ident(n.nspname), '') || ' on '
           || case a.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
                                   when 'T' then 'types' when 'n' then 'schemas' when 'L' then 'large objects'
                                   else a.defaclobjtype::text end as name,
       pg_get_userbyid(a.defaclrole) as owner_role,
       a.defaclacl::text[] as acl,
       -- what ALL means for this class of objects; grants in a schema come on top, so nothing is their default
       acldefault(case a.defaclobjtype when 'S' then 's' else a.defaclobjtype end, a.defaclrole)::text[] as acl_all
from pg_default_acl a
left join pg_namespace n on n.oid = a.defaclnamespace
where a.defaclnamespace = any (%(namespaces)s::oid[])
   or (a.defaclnamespace = 0 and %(everything)s)
