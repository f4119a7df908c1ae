-- one row for a constraint or unique index of a table, by name, or (no name) for the bound of a partition: kind (as contype, or
-- partition), columns or expressions, schema and name of the referenced table, its columns, check expression, operators, predicate
with t as (
    select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = %(schema)s and c.relname = %(table)s
), names as (
    select a.attrelid, a.attnum, a.attname from pg_catalog.pg_attribute a
)
select k.contype::text,
       case k.contype when 'x' then array(
           select pg_catalog.pg_get_indexdef(k.conindid, place, true) from generate_series(1, cardinality(k.conexclop)) place
       ) else array(select m.attname::text from unnest(k.conkey) with ordinality u(number, place)
             join names m on m.attrelid = k.conrelid and m.attnum = u.number order by u.place) end,
       (select array[n.nspname::text, f.relname::text] from pg_catalog.pg_class f
        join pg_catalog.pg_namespace n on n.oid = f.relnamespace where f.oid = k.confrelid),
       array(select m.attname::text from unnest(k.confkey) with ordinality u(number, place)
             join names m on m.attrelid = k.confrelid and m.attnum = u.number order by u.place),
       pg_catalog.pg_get_expr(k.conbin, k.conrelid),
       array(select pg_catalog.format('operator(%%I.%%s)', n.nspname, o.oprname) from unnest(k.conexclop) with ordinality u(number, place)
             join pg_catalog.pg_operator o on o.oid = u.number
             join pg_catalog.pg_namespace n on n.oid = o.oprnamespace order by u.place),
       (select pg_catalog.pg_get_expr(i.indpred, i.indrelid) from pg_catalog.pg_index i where i.indexrelid = k.conindid)
from pg_catalog.pg_constraint k join t on t.oid = k.conrelid
where k.conname = %(name)s and k.contype in ('c', 'f', 'x')
union all
select 'u',
       array(select pg_catalog.pg_get_indexdef(i.indexrelid, place::int, true)
             from generate_series(1, i.indnkeyatts) place),
       null, null, null,
       case when (pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::boolean then array['nulls not distinct'] end,
       pg_catalog.pg_get_expr(i.indpred, i.indrelid)
from pg_catalog.pg_index i join t on t.oid = i.indrelid join pg_catalog.pg_class x on x.oid = i.indexrelid
where x.relname = %(name)s and i.indisunique
union all
select 'partition', null, null, null, pg_catalog.pg_get_partition_constraintdef(t.oid), null, null
from t where %(name)s::text is null and pg_catalog.pg_get_partition_constraintdef(t.oid) is not null
limit 1
