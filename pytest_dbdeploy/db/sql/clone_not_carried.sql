-- a row for each object of this database that a clone leaves out on purpose: kind, name
select 'subscription' as kind, s.subname::text as name
from pg_subscription s
where s.subdbid = (select oid from pg_database where datname = current_database())
union all
select 'tablespace', format('%s of %s', t.spcname, c.oid::regclass)
from pg_class c join pg_tablespace t on t.oid = c.reltablespace
where c.oid >= 16384 and t.spcname <> 'pg_global' and c.relkind in ('r', 'p', 'm', 'i', 'I')
union all
select 'security label', format('%s %s (%s)', objtype, objname, provider)
from pg_seclabels
where objtype not in ('role', 'database', 'tablespace', 'subscription')
union all
select 'user mapping', format('of %s for server %s', usename, srvname)
from pg_user_mappings
order by 1, 2
