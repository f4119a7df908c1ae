-- a row for each table with row security and no policy: schema.name, what that means
select format('%I.%I', n.nspname, c.relname), 'has row level security and no policy: everybody but its owner sees no row'
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relrowsecurity and c.relkind in ('r', 'p')
  and not exists (select from pg_policy p where p.polrelid = c.oid)
