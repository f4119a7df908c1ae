-- a row for each sequence of a column of numbers, which it owns or which gives its default: sequence, table, column (each quoted), the column's type, the
-- sequence's type, increment, last value, start, end, whether it is an identity, whether it gives the default, whether a key has the column
with d as (
    select objid as sequence, refobjid as relation, refobjsubid as number, false as gives
    from pg_depend
    where classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass and deptype in ('a', 'i') and refobjsubid > 0
    union all
    select d.refobjid, f.adrelid, f.adnum, true
    from pg_depend d
    join pg_attrdef f on f.oid = d.objid
    where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype = 'n'
), columns as (
    select sequence, relation, number, bool_or(gives) as gives from d group by sequence, relation, number
)
select format('%I.%I', sn.nspname, s.relname), format('%I.%I', tn.nspname, t.relname), quote_ident(a.attname),
       format_type(a.atttypid, null), format_type(q.seqtypid, null), q.seqincrement, pg_sequence_last_value(s.oid),
       q.seqstart, q.seqmax, a.attidentity <> '', columns.gives or a.attidentity <> '',
       exists (select from pg_index i where i.indrelid = t.oid and i.indisunique and a.attnum = any (i.indkey))
from pg_sequence q
join pg_class s on s.oid = q.seqrelid
join pg_namespace sn on sn.oid = s.relnamespace
join columns on columns.sequence = s.oid
join pg_class t on t.oid = columns.relation
join pg_namespace tn on tn.oid = t.relnamespace
join pg_attribute a on a.attrelid = t.oid and a.attnum = columns.number
join pg_type y on y.oid = a.atttypid
where t.relkind in ('r', 'p') and sn.nspname not like 'pg\_%'
  and coalesce(nullif(y.typbasetype, 0), y.oid) in ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype, 'numeric'::regtype)
