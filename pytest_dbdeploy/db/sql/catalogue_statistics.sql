-- extended statistics: kind, name, then their properties
select 'statistics' as kind,
       quote_ident(n.nspname) || '.' || quote_ident(s.stxname) as name,
       quote_ident(tn.nspname) || '.' || quote_ident(c.relname) as "table",
       pg_get_statisticsobjdef(s.oid) as definition,
       nullif(s.stxstattarget, -1) as statistics_target,
       pg_get_userbyid(s.stxowner) as owner,
       d.description as comment
from pg_statistic_ext s
join pg_namespace n on n.oid = s.stxnamespace
join pg_class c on c.oid = s.stxrelid
join pg_namespace tn on tn.oid = c.relnamespace
left join pg_description d on d.classoid = 'pg_statistic_ext'::regclass and d.objoid = s.oid
where s.stxnamespace = any (%(namespaces)s::oid[])
  and s.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_statistic_ext'::regclass and e.deptype = 'e')
