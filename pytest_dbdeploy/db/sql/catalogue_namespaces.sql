-- oids of the schemas that are compared: %(exclude)s text[] left out, %(schemas)s text[] or null (all)
select n.oid::int8
from pg_namespace n
where left(n.nspname, 3) <> 'pg_'
  and n.nspname <> 'information_schema'
  and n.nspname <> all (%(exclude)s::text[])
  and (%(schemas)s::text[] is null or n.nspname = any (%(schemas)s::text[]))
