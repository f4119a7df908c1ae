-- a row for each table that somebody else holds a lock on, in a transaction older than a second: schema.name, who
select format('%I.%I', n.nspname, c.relname),
       string_agg(distinct format('%s (pid %s, in a transaction for %s s)',
                                  coalesce(nullif(a.application_name, ''), a.usename, 'somebody'), a.pid,
                                  round(extract(epoch from now() - a.xact_start))), ', ')
from pg_locks l
join pg_stat_activity a on a.pid = l.pid
join pg_class c on c.oid = l.relation
join pg_namespace n on n.oid = c.relnamespace
where l.locktype = 'relation' and l.granted and l.pid <> pg_backend_pid()
  and l.database = (select oid from pg_database where datname = current_database())
  and a.xact_start < now() - interval '1 second' and a.application_name not like 'pytest-dbdeploy%'
  and c.relkind in ('r', 'p', 'm') and left(n.nspname, 3) <> 'pg_'
group by 1
