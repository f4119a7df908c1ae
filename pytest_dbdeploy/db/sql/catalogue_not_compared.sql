-- objects of classes that the comparison does not know: kind, name
with candidates (classid, objid, kind) as (
    select 'pg_type'::regclass, t.oid, 'base type' from pg_type t
    where t.typnamespace = any (%(namespaces)s::oid[])
      and (t.typtype = 'p' or not t.typisdefined or (t.typtype = 'b' and t.typelem = 0)
           or (t.typtype = 'b' and t.typsubscript <> 'array_subscript_handler'::regproc))
    union all select 'pg_operator'::regclass, oid, 'operator' from pg_operator where oprnamespace = any (%(namespaces)s::oid[])
    union all select 'pg_opclass'::regclass, oid, 'operator class' from pg_opclass where opcnamespace = any (%(namespaces)s::oid[])
    union all select 'pg_opfamily'::regclass, oid, 'operator family' from pg_opfamily where opfnamespace = any (%(namespaces)s::oid[])
    union all select 'pg_conversion'::regclass, oid, 'conversion' from pg_conversion where connamespace = any (%(namespaces)s::oid[])
    union all select 'pg_ts_config'::regclass, oid, 'text search configuration' from pg_ts_config where cfgnamespace = any (%(namespaces)s::oid[])
    union all select 'pg_ts_dict'::regclass, oid, 'text search dictionary' from pg_ts_dict where dictnamespace = any (%(namespaces)s::oid[])
    union all select 'pg_ts_parser'::regclass, oid, 'text search parser' from pg_ts_parser where prsnamespace = any (%(namespaces)s::oid[])
    union all select 'pg_ts_template'::regclass, oid, 'text search template' from pg_ts_template where tmplnamespace = any (%(namespaces)s::oid[])
    -- without a schema: those that initdb did not make (16384 is the first oid of a user's object)
    union all select 'pg_cast'::regclass, oid, 'cast' from pg_cast where %(everything)s and oid >= 16384
    union all select 'pg_language'::regclass, oid, 'language' from pg_language where %(everything)s and oid >= 16384
    union all select 'pg_transform'::regclass, oid, 'transform' from pg_transform where %(everything)s and oid >= 16384
    union all select 'pg_am'::regclass, oid, 'access method' from pg_am where %(everything)s and oid >= 16384
    union all
    -- whatever else lives in a compared schema, of a class that no query of the comparison reads
    select d.classid, d.objid, 'object of class ' || d.classid::regclass::text from pg_depend d
    where d.refclassid = 'pg_namespace'::regclass
      and d.refobjid = any (%(namespaces)s::oid[])
      and d.classid <> all (array[
          'pg_class', 'pg_type', 'pg_proc', 'pg_collation', 'pg_statistic_ext', 'pg_constraint', 'pg_default_acl',
          'pg_extension', 'pg_publication_namespace', 'pg_operator', 'pg_opclass', 'pg_opfamily', 'pg_conversion',
          'pg_ts_config', 'pg_ts_dict', 'pg_ts_parser', 'pg_ts_template'
      ]::regclass[])
)
select c.kind, i.identity as name
from candidates c
cross join lateral pg_identify_object(c.classid, c.objid, 0) as i
where not exists (
    select from pg_depend e
    where e.classid = c.classid and e.objid = c.objid
      and (e.deptype = 'e' or (e.deptype = 'i' and c.kind in ('base type', 'cast')))
)
union all
select 'subscription', quote_ident(s.subname) from pg_subscription s
where %(everything)s and s.subdbid = (select oid from pg_database where datname = current_database())
union all
select 'security label', i.type || ' ' || i.identity || ' (' || l.provider || ')'
from pg_seclabel l
cross join lateral pg_identify_object(l.classoid, l.objoid, l.objsubid) as i
where %(everything)s
