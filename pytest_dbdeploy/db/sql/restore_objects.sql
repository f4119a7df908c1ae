-- a row for each object that a restore in place might drop: key (catalogue.oid), kind as DROP calls it, schema, name, identity in SQL, owner, whether this role may drop it, whether an extension brought it, whether it goes with another object
with member as (
    select classid, objid from pg_depend where deptype = 'e'
), found as (
    select c.tableoid as classid, c.oid as objid, c.relnamespace as nsp, c.relname::text as name, c.relowner as owner,
           case c.relkind when 'r' then 'TABLE' when 'p' then 'TABLE' when 'v' then 'VIEW' when 'm' then 'MATERIALIZED VIEW'
                          when 'S' then 'SEQUENCE' else 'FOREIGN TABLE' end as kind
    from pg_class c where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
    union all
    select t.tableoid, t.oid, t.typnamespace, t.typname, t.typowner, case t.typtype when 'd' then 'DOMAIN' else 'TYPE' end
    from pg_type t
    where t.typtype in ('e', 'd', 'r')
       or t.typtype = 'b' and not exists (select from pg_type e where e.typarray = t.oid)
       or t.typtype = 'p' and not t.typisdefined
       or t.typtype = 'c' and (select relkind from pg_class where oid = t.typrelid) = 'c'
    union all
    select tableoid, oid, pronamespace, proname, proowner, 'ROUTINE' from pg_proc
    union all
    select tableoid, oid, oprnamespace, oprname, oprowner, 'OPERATOR' from pg_operator
    union all
    select tableoid, oid, opcnamespace, opcname, opcowner, 'OPERATOR CLASS' from pg_opclass
    union all
    select tableoid, oid, opfnamespace, opfname, opfowner, 'OPERATOR FAMILY' from pg_opfamily
    union all
    select tableoid, oid, collnamespace, collname, collowner, 'COLLATION' from pg_collation
    union all
    select tableoid, oid, connamespace, conname, conowner, 'CONVERSION' from pg_conversion
    union all
    select tableoid, oid, cfgnamespace, cfgname, cfgowner, 'TEXT SEARCH CONFIGURATION' from pg_ts_config
    union all
    select tableoid, oid, dictnamespace, dictname, dictowner, 'TEXT SEARCH DICTIONARY' from pg_ts_dict
    union all
    select tableoid, oid, evtnamespace, evtname, evtowner, kind
    from (select tableoid, oid, null::oid as evtnamespace, evtname, evtowner, 'EVENT TRIGGER' as kind from pg_event_trigger) e
    union all
    select tableoid, oid, null, srvname, srvowner, 'SERVER' from pg_foreign_server
    union all
    select tableoid, oid, null, fdwname, fdwowner, 'FOREIGN DATA WRAPPER' from pg_foreign_data_wrapper
    union all
    select tableoid, oid, null, lanname, lanowner, 'LANGUAGE' from pg_language
    union all
    select tableoid, oid, null, pubname, pubowner, 'PUBLICATION' from pg_publication
    union all
    select tableoid, oid, null, extname, extowner, 'EXTENSION' from pg_extension
    union all
    select c.tableoid, c.oid, null, format('CAST (%s AS %s)', format_type(c.castsource, null), format_type(c.casttarget, null)),
           case when pg_has_role(s.typowner, 'USAGE') then s.typowner else t.typowner end, 'CAST'
    from pg_cast c join pg_type s on s.oid = c.castsource join pg_type t on t.oid = c.casttarget
)
select f.classid || '.' || f.objid as key,
       f.kind,
       n.nspname::text as schema,
       f.name,
       case when f.kind = 'EXTENSION' then format('%I', f.name)
            else (pg_identify_object(f.classid, f.objid, 0)).identity end as identity,
       pg_get_userbyid(f.owner)::text as owner,
       pg_has_role(f.owner, 'USAGE') as ours,
       exists (select from member m where m.classid = f.classid and m.objid = f.objid) as extension,
       exists (select from pg_depend d where d.classid = f.classid and d.objid = f.objid and d.objsubid = 0 and d.deptype = 'i') as internal
from found f
left join pg_namespace n on n.oid = f.nsp
where f.objid >= 16384 and (n.nspname is null or n.nspname <> 'information_schema' and n.nspname not like 'pg\_%')
order by f.objid desc
