-- extensions with their versions: kind, name, then their properties. _newest: what CREATE EXTENSION gives on this server
select 'extension' as kind,
       quote_ident(x.extname) as name,
       x.extversion as version,
       nullif(x.extversion = (select default_version from pg_available_extensions() where name = x.extname), false) as _newest,
       quote_ident(n.nspname) as schema,
       d.description as comment
from pg_extension x
join pg_namespace n on n.oid = x.extnamespace
left join pg_description d on d.classoid = 'pg_extension'::regclass and d.objoid = x.oid
where %(everything)s
