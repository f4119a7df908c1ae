-- a row for each session that a session (pid) waits for, or that waits for it: waits, pid, application, role, begin of its transaction
-- (who waits is read from pg_locks: of other roles' sessions pg_stat_activity does not say it to everybody; process 0: a prepared transaction)
select found.waits, a.pid, a.application_name, a.usename::text, a.xact_start
from (
    select false as waits, unnest(pg_blocking_pids(%(pid)s)) as pid
    union all
    select true, waiting.pid
    from (select distinct pid from pg_locks where not granted and pid <> %(pid)s) waiting
    where %(pid)s = any (pg_blocking_pids(waiting.pid))
) found
join (
    select pid, application_name, usename, xact_start, backend_type from pg_stat_activity
    union all
    select 0, 'prepared transaction ' || gid, owner, prepared, null from pg_prepared_xacts where database = current_database()
) a using (pid)
where not found.waits or a.backend_type is distinct from 'autovacuum worker'
