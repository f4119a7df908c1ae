-- a row for each object that pg_dump cannot read as this role: kind, identity, why (schema, select, policy)
select case c.relkind when 'S' then 'sequence' else 'table' end as kind,
       format('%%I.%%I', n.nspname, c.relname) as identity,
       case when not has_schema_privilege(n.oid, 'USAGE') then 'schema'
            when not has_table_privilege(c.oid, 'SELECT') then 'select'
            else 'policy' end as why
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where (c.relkind in ('r', 'p') or c.relkind = 'S' and not %(schema_only)s)
  and n.nspname <> 'information_schema' and n.nspname not like 'pg\_%%' and n.nspname <> all(%(exclude)s::text[])
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  and (not has_schema_privilege(n.oid, 'USAGE')
       or not has_table_privilege(c.oid, 'SELECT')
       or c.relkind = 'r' and not %(schema_only)s and row_security_active(c.oid))
union all
select 'large object', m.oid::text, 'select'
from pg_largeobject_metadata m
where not %(schema_only)s
  and not current_setting('lo_compat_privileges')::boolean
  and not (select rolsuper from pg_roles where rolname = current_user)
  and not pg_has_role(m.lomowner, 'USAGE')
  and not exists (select from aclexplode(m.lomacl) a
                  where a.privilege_type = 'SELECT' and (a.grantee = 0 or pg_has_role(nullif(a.grantee, 0), 'USAGE')))
order by 1 desc, 2
