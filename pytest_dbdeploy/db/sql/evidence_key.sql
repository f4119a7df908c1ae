-- a row for each column of the table's primary key, in the key's order: name
select a.attname
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
cross join lateral unnest(i.indkey) with ordinality k(number, place)
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
where i.indisprimary and n.nspname = %(schema)s and c.relname = %(table)s
order by k.place
