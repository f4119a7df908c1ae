-- a row for each index that PostgreSQL does not use: schema.name, why
select format('%I.%I', n.nspname, x.relname),
       format('on %I.%I is invalid: no query uses it, and every write pays for it', tn.nspname, t.relname)
from pg_index i
join pg_class x on x.oid = i.indexrelid
join pg_class t on t.oid = i.indrelid
join pg_namespace n on n.oid = x.relnamespace
join pg_namespace tn on tn.oid = t.relnamespace
where not i.indisvalid and left(n.nspname, 3) <> 'pg_'
