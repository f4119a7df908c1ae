-- text search parsers, templates, dictionaries and configurations: kind, name, then their properties
select o.kind,
       quote_ident(n.nspname) || '.' || quote_ident(o.name) as name,
       o.functions, o.template, o.options, o.parser, o.mappings,
       case when o.owner <> 0 then pg_get_userbyid(o.owner) end as owner,
       d.description as comment
from (
    select 'text search parser' as kind, 'pg_ts_parser'::regclass as classid, oid, prsname as name, prsnamespace as namespace,
           array[prsstart::text, prstoken::text, prsend::text, prsheadline::text, prslextype::text] as functions,
           null::text as template, null::text as options, null::text as parser, null::text[] as mappings, 0::oid as owner
    from pg_ts_parser
    union all
    select 'text search template', 'pg_ts_template'::regclass, oid, tmplname, tmplnamespace,
           array[tmplinit::text, tmpllexize::text], null, null, null, null, 0
    from pg_ts_template
    union all
    select 'text search dictionary', 'pg_ts_dict'::regclass, t.oid, t.dictname, t.dictnamespace,
           null, quote_ident(tn.nspname) || '.' || quote_ident(m.tmplname), t.dictinitoption, null, null, t.dictowner
    from pg_ts_dict t
    join pg_ts_template m on m.oid = t.dicttemplate
    join pg_namespace tn on tn.oid = m.tmplnamespace
    union all
    select 'text search configuration', 'pg_ts_config'::regclass, c.oid, c.cfgname, c.cfgnamespace,
           null, null, null, quote_ident(pn.nspname) || '.' || quote_ident(p.prsname),
           case when c.cfgnamespace = any (%(namespaces)s::oid[]) then array(
               select (select alias from ts_token_type(p.oid) where tokid = m.maptokentype) || ': '
                      || string_agg(m.mapdict::regdictionary::text, ', ' order by m.mapseqno)
               from pg_ts_config_map m where m.mapcfg = c.oid group by m.maptokentype order by 1
           ) end,
           c.cfgowner
    from pg_ts_config c
    join pg_ts_parser p on p.oid = c.cfgparser
    join pg_namespace pn on pn.oid = p.prsnamespace
) o
join pg_namespace n on n.oid = o.namespace
left join pg_description d on d.classoid = o.classid and d.objoid = o.oid
where o.namespace = any (%(namespaces)s::oid[])
  and not exists (select from pg_depend e where e.classid = o.classid and e.objid = o.oid and e.refclassid = 'pg_extension'::regclass and e.deptype = 'e')
