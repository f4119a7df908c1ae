-- a row for each schema that is not the system's: name, owner, whether this role may change it, whether an extension brought it, extensions whose objects are in it, roles (null: PUBLIC) that hold privileges on it
select n.nspname::text as name, pg_get_userbyid(n.nspowner)::text as owner, pg_has_role(n.nspowner, 'USAGE') as ours,
       exists (select from pg_depend d where d.classid = 'pg_namespace'::regclass and d.objid = n.oid and d.deptype = 'e') as extension,
       array(select e.extname::text from pg_extension e where e.extnamespace = n.oid) as extensions,
       array(select case when a.grantee <> 0 then pg_get_userbyid(a.grantee)::text end
             from aclexplode(n.nspacl) a group by a.grantee) as grantees
from pg_namespace n
where n.nspname <> 'information_schema' and n.nspname not like 'pg\_%'
order by 1
