-- oid, columns of each key of %(relations)s: unique indexes whose columns are all not null, the primary key first
select i.indrelid::bigint, array_agg(a.attname::text order by k.place)
from pg_catalog.pg_index i
cross join lateral unnest(i.indkey::int2[]) with ordinality k (attnum, place)
join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
where i.indrelid = any (%(relations)s::bigint[]::oid[])
  and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
  and k.place <= i.indnkeyatts
group by i.indrelid, i.indexrelid, i.indisprimary
having bool_and(a.attnotnull and not exists ( -- since 18 a column is NOT NULL before its rows are
    select from pg_catalog.pg_constraint n
    where n.conrelid = a.attrelid and n.contype = 'n' and n.conkey[1] = a.attnum and not n.convalidated))
order by i.indrelid, i.indisprimary desc, count(*), i.indexrelid
