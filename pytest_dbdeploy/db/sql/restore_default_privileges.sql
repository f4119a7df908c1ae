-- a row for each default privilege that this role may change: role, schema (null: everywhere), object type as in pg_default_acl, roles (null: PUBLIC) granted to
select pg_get_userbyid(d.defaclrole)::text as role, n.nspname::text as schema, d.defaclobjtype::text as objtype,
       array(select case when a.grantee <> 0 then pg_get_userbyid(a.grantee)::text end
             from aclexplode(d.defaclacl) a group by a.grantee) as grantees
from pg_default_acl d
left join pg_namespace n on n.oid = d.defaclnamespace
where pg_has_role(d.defaclrole, 'USAGE')
order by 1, 2, 3
