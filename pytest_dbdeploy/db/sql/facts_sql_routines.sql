-- a row for each routine of the users with a body in SQL that is only text to the server: oid, schema.name(arguments), tables that it may ask, as schema.name
select p.oid::bigint, format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)),
    coalesce((
        select array_agg(format('%I.%I', tn.nspname, t.relname) order by tn.nspname, t.relname)
        from pg_class t
        join pg_namespace tn on tn.oid = t.relnamespace
        where t.relkind in ('r', 'p', 'v', 'm', 'f') and tn.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
          and t.relname = any(regexp_split_to_array(p.prosrc || ' ' || lower(p.prosrc), '[^[:alnum:]_$]+'))
    ), '{}')
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_language l on l.oid = p.prolang
where l.lanname = 'sql' and p.prosqlbody is null and n.nspname not in ('pg_catalog', 'information_schema')
  and not exists (select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = p.oid and e.deptype = 'e')
