-- privileges on objects of the system and of extensions that are no longer as initdb or CREATE EXTENSION left them, on system
-- columns (ctid), and on parameters of the server: kind, name, then the grants. Other objects' privileges are a property of theirs.
select 'privileges' as kind,
       i.type || ' ' || i.identity as name,
       pg_get_userbyid(o.owner) as owner_role,
       o.acl::text[] as acl,
       acldefault(o.type, o.owner)::text[] as acl_all
from (
    select 'pg_class'::regclass as classid, oid, 0 as sub, relacl as acl, relowner as owner,
           case relkind when 'S' then 's' else 'r' end::"char" as type from pg_class
    where relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    union all
    select 'pg_class'::regclass, a.attrelid, a.attnum, a.attacl, c.relowner, 'r'
    from pg_attribute a join pg_class c on c.oid = a.attrelid where a.attacl is not null
    union all select 'pg_proc'::regclass, oid, 0, proacl, proowner, 'f' from pg_proc
    union all select 'pg_type'::regclass, oid, 0, typacl, typowner, 'T' from pg_type
    union all select 'pg_namespace'::regclass, oid, 0, nspacl, nspowner, 'n' from pg_namespace where nspname not in ('public', 'information_schema')
    union all select 'pg_language'::regclass, oid, 0, lanacl, lanowner, 'l' from pg_language
    union all select 'pg_foreign_data_wrapper'::regclass, oid, 0, fdwacl, fdwowner, 'F' from pg_foreign_data_wrapper
    union all select 'pg_foreign_server'::regclass, oid, 0, srvacl, srvowner, 'S' from pg_foreign_server
) o
left join pg_init_privs p on p.classoid = o.classid and p.objoid = o.oid and p.objsubid = o.sub
cross join lateral pg_identify_object(o.classid, o.oid, o.sub) as i
where %(everything)s
  and o.acl is not null
  and i.schema is distinct from 'information_schema'  -- initdb does not write down what it grants there
  and (o.oid < 16384 or exists (
      select from pg_depend e where e.classid = o.classid and e.objid = o.oid and e.refclassid = 'pg_extension'::regclass and e.deptype = 'e')
      or (o.sub < 0 and i.schema::regnamespace = any (%(namespaces)s::oid[])))
  and array(select a::text from unnest(o.acl) as a order by 1)
      <> array(select a::text from unnest(coalesce(
             p.initprivs, case when o.sub = 0 then acldefault(o.type, o.owner) end)) as a order by 1)
union all
select 'privileges', 'parameter ' || parname, null, paracl::text[], acldefault('p', 10)::text[]
from pg_parameter_acl
where %(everything)s
