-- a row for each session that a session (pid) waits for, or that waits for it: waits, pid, application, role, begin of its transaction
select found.waits, a.pid, a.application_name, a.usename::text, a.xact_start
from (
    select false as waits, unnest(pg_blocking_pids(%(pid)s)) as pid
    union all
    select true, pid
    from pg_stat_activity
    where wait_event_type = 'Lock' and datname = current_database() and %(pid)s = any (pg_blocking_pids(pid))
) found
join pg_stat_activity a using (pid)
