-- the foreign keys: name, table, its columns, table referred to, its columns, operators (schema, name), match, period, the tables' kinds
select
    quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(k.conname),
    quote_ident(n.nspname) || '.' || quote_ident(c.relname),
    (select array_agg(a.attname::text order by p.place)
     from unnest(k.conkey) with ordinality p (attnum, place)
     join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = p.attnum),
    quote_ident(fn.nspname) || '.' || quote_ident(f.relname),
    (select array_agg(a.attname::text order by p.place)
     from unnest(k.confkey) with ordinality p (attnum, place)
     join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = p.attnum),
    (select array_agg(array[onsp.nspname::text, o.oprname::text] order by p.place)
     from unnest(k.conpfeqop) with ordinality p (operator, place)
     join pg_catalog.pg_operator o on o.oid = p.operator
     join pg_catalog.pg_namespace onsp on onsp.oid = o.oprnamespace),
    k.confmatchtype::text,
    coalesce((to_jsonb(k) ->> 'conperiod')::boolean, false)
from pg_catalog.pg_constraint k
join pg_catalog.pg_class c on c.oid = k.conrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_class f on f.oid = k.confrelid
join pg_catalog.pg_namespace fn on fn.oid = f.relnamespace
where k.contype = 'f'
  and k.conparentid = 0
  and left(n.nspname, 3) <> 'pg_'
  and n.nspname <> all (%(exclude)s::text[])
  and (%(schemas)s::text[] is null or n.nspname = any (%(schemas)s::text[]))
order by 1
