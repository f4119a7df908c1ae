-- rewrite rules other than the one that makes a view: kind, name, then their properties
select 'rule' as kind,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(r.rulename) as name,
       pg_get_ruledef(r.oid) as definition,
       case r.ev_enabled when 'D' then 'disabled' when 'R' then 'replica' when 'A' then 'always' end as enabled,
       d.description as comment
from pg_rewrite r
join pg_class c on c.oid = r.ev_class
join pg_namespace n on n.oid = c.relnamespace
left join pg_description d on d.classoid = 'pg_rewrite'::regclass and d.objoid = r.oid
where r.rulename <> '_RETURN'
  and c.relnamespace = any (%(namespaces)s::oid[])
  and c.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_class'::regclass and e.deptype = 'e')
