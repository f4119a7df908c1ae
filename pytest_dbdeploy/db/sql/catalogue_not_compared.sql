-- what the comparison does not know or may not see: kind, name, reason
with recursive classes (classid) as (
    -- each catalogue that has dependent objects, once; faster than distinct
    select min(classid) from pg_depend
    union all
    select (select min(d.classid) from pg_depend d where d.classid > c.classid) from classes c where c.classid is not null
),
candidates (classid, objid, kind) as (
    select 'pg_type'::regclass::oid, t.oid, 'base type' from pg_type t
    where t.typnamespace = any (%(namespaces)s::oid[])
      and (t.typtype = 'p' or not t.typisdefined or (t.typtype = 'b' and t.typelem = 0)
           or (t.typtype = 'b' and t.typsubscript <> 'array_subscript_handler'::regproc))
    -- without a schema: those that initdb did not make (16384 is the first oid of a user's object)
    union all select 'pg_language'::regclass, oid, 'language' from pg_language where %(everything)s and oid >= 16384
    union all select 'pg_transform'::regclass, oid, 'transform' from pg_transform where %(everything)s and oid >= 16384
    -- what a user put into a schema of the system
    union all
    select o.classid, o.oid, 'object of class ' || o.classid::text || ' in a schema of the system'
    from (
        select 'pg_class'::regclass as classid, oid, relnamespace as namespace from pg_class
        union all select 'pg_proc'::regclass, oid, pronamespace from pg_proc
        union all select 'pg_type'::regclass, oid, typnamespace from pg_type
    ) o
    where %(everything)s
      and o.namespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
      and o.oid >= 16384
    -- whatever else there is, of a class that no query of the comparison reads
    union all
    select d.classid, d.objid, 'object of class ' || d.classid::regclass::text
    from classes c
    join pg_depend d on d.classid = c.classid
    where %(everything)s
      and d.objid >= 16384
      and c.classid <> all (array[
          'pg_class', 'pg_attrdef', 'pg_constraint', 'pg_rewrite', 'pg_trigger', 'pg_policy', 'pg_type', 'pg_proc', 'pg_namespace',
          'pg_extension', 'pg_collation', 'pg_conversion', 'pg_cast', 'pg_operator', 'pg_opclass', 'pg_opfamily', 'pg_amop',
          'pg_amproc', 'pg_am', 'pg_ts_config', 'pg_ts_dict', 'pg_ts_parser', 'pg_ts_template', 'pg_statistic_ext',
          'pg_publication', 'pg_publication_rel', 'pg_publication_namespace', 'pg_foreign_data_wrapper', 'pg_foreign_server',
          'pg_user_mapping', 'pg_event_trigger', 'pg_default_acl', 'pg_language', 'pg_transform', 'pg_subscription'
      ]::regclass[])
)
select distinct c.kind, i.identity as name, 'the comparison does not know this kind of object yet' as reason
from candidates c
cross join lateral pg_identify_object(c.classid, c.objid, 0) as i
where not exists (
    select from pg_depend e
    where e.classid = c.classid and e.objid = c.objid
      and (e.deptype = 'e' or (e.deptype = 'i' and c.kind <> 'language'))
)
union all
select 'subscription', quote_ident(s.subname), 'the comparison does not know this kind of object yet' from pg_subscription s
where %(everything)s and s.subdbid = (select oid from pg_database where datname = current_database())
union all
select 'security label', i.type || ' ' || i.identity || ' (' || l.provider || ')',
       'the comparison does not know this kind of object yet'
from pg_seclabel l
cross join lateral pg_identify_object(l.classoid, l.objoid, l.objsubid) as i
where %(everything)s
union all
-- the condition under which pg_user_mappings shows the options
select 'user mapping', case when m.umuser = 0 then 'PUBLIC' else quote_ident(m.usename) end || ' on ' || quote_ident(m.srvname),
       'its options are hidden from role ' || quote_ident(current_user)
from pg_user_mappings m
join pg_foreign_server s on s.oid = m.srvid
where %(everything)s
  and not coalesce(
      (m.umuser <> 0 and m.usename = current_user
           and (pg_has_role(s.srvowner, 'USAGE') or has_server_privilege(s.oid, 'USAGE')))
      or (m.umuser = 0 and pg_has_role(s.srvowner, 'USAGE'))
      or (select rolsuper from pg_roles where rolname = current_user), false)
