-- conversions between encodings: kind, name, then their properties
select 'conversion' as kind,
       quote_ident(n.nspname) || '.' || quote_ident(c.conname) as name,
       pg_encoding_to_char(c.conforencoding) as from_encoding,
       pg_encoding_to_char(c.contoencoding) as to_encoding,
       c.conproc::regproc::text as function,
       nullif(c.condefault, false) as is_default,
       pg_get_userbyid(c.conowner) as owner,
       d.description as comment
from pg_conversion c
join pg_namespace n on n.oid = c.connamespace
left join pg_description d on d.classoid = 'pg_conversion'::regclass and d.objoid = c.oid
where c.connamespace = any (%(namespaces)s::oid[])
  and c.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_conversion'::regclass and e.deptype = 'e')
