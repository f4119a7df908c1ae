-- a row for each invalid index on whose table nobody else builds one just now: oid, schema, name
select i.indexrelid::bigint, n.nspname::text, c.relname::text
from pg_index i
join pg_class c on c.oid = i.indexrelid and c.relkind = 'i'
join pg_namespace n on n.oid = c.relnamespace
where not i.indisvalid
  and not exists (
      select
      from pg_locks l
      where l.locktype = 'relation' and l.relation = i.indrelid and l.mode = 'ShareUpdateExclusiveLock' and l.granted
        and l.database = (select oid from pg_database where datname = current_database())
        and l.pid <> pg_backend_pid()
  )
