-- a row for each other session that holds a lock on a user's relation of this database: pid, user, application, state, seconds in the transaction
select a.pid, a.usename::text, a.application_name, coalesce(a.state, 'hidden'), to_char(clock_timestamp() - a.xact_start, 'HH24:MI:SS')
from pg_stat_activity a
where a.pid <> pg_backend_pid()
  and exists (select from pg_locks l where l.pid = a.pid and l.locktype = 'relation' and l.granted and l.relation >= 16384
              and l.database = (select oid from pg_database where datname = current_database()))
order by a.xact_start nulls last
limit 10
