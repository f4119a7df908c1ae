-- a row for each relation of the users that a session of this database (pid; null: any other) has locked: oid, mode
select relation::bigint, mode
from pg_locks
where locktype = 'relation' and granted and relation >= 16384 and mode <> 'SIReadLock'
  and database = (select oid from pg_database where datname = current_database())
  and case when %(pid)s::int is null then pid <> pg_backend_pid() else pid = %(pid)s::int end
