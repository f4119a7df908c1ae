-- who is in a transaction here that holds a lock on a table or index of users: those that an ALTER TABLE may wait for (process 0: a prepared one)
select a.pid, a.application_name, a.usename::text as role, a.xact_start
from (
    select pid, application_name, usename, xact_start from pg_stat_activity where datname = current_database()
    union all
    select 0, 'prepared transaction ' || gid, owner, prepared from pg_prepared_xacts where database = current_database()
) a
where a.pid <> pg_backend_pid()
  and (a.pid = 0 or exists (
      select
      from pg_locks l
      join pg_class c on c.oid = l.relation
      join pg_namespace n on n.oid = c.relnamespace
      where l.pid = a.pid
        and l.granted
        and l.locktype = 'relation'
        and l.database = (select oid from pg_database where datname = current_database())
        and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  ))
order by a.xact_start nulls last, a.pid
limit 5
