-- access methods: kind, name, then their properties
select 'access method' as kind,
       quote_ident(a.amname) as name,
       case a.amtype when 't' then 'table' else 'index' end as type,
       a.amhandler::regproc::text as handler,
       d.description as comment
from pg_am a
left join pg_description d on d.classoid = 'pg_am'::regclass and d.objoid = a.oid
where %(everything)s
  and a.oid >= 16384  -- the first oid of a user's object
  and a.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_am'::regclass and e.deptype = 'e')
