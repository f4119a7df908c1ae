-- row security policies: kind, name, then their properties
select 'policy' as kind,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(p.polname) as name,
       case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
                     when 'd' then 'delete' else 'all' end as command,
       case when p.polpermissive then 'permissive' else 'restrictive' end as type,
       array(
           select case when r = 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(r)) end
           from unnest(p.polroles) as r order by 1
       ) as roles,
       pg_get_expr(p.polqual, p.polrelid) as "using",
       pg_get_expr(p.polwithcheck, p.polrelid) as with_check,
       d.description as comment
from pg_policy p
join pg_class c on c.oid = p.polrelid
join pg_namespace n on n.oid = c.relnamespace
left join pg_description d on d.classoid = 'pg_policy'::regclass and d.objoid = p.oid
where c.relnamespace = any (%(namespaces)s::oid[])
  and c.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_class'::regclass and e.deptype = 'e')
