-- a row for each sequence that a column owns: sequence, table, column (each quoted), the column's type, the sequence's type, increment, last value
select format('%I.%I', sn.nspname, s.relname), format('%I.%I', tn.nspname, t.relname), quote_ident(a.attname),
       format_type(a.atttypid, null), format_type(q.seqtypid, null), q.seqincrement, pg_sequence_last_value(s.oid),
       q.seqstart, q.seqmax, a.attidentity <> ''
from pg_sequence q
join pg_class s on s.oid = q.seqrelid
join pg_namespace sn on sn.oid = s.relnamespace
join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = s.oid and d.refclassid = 'pg_class'::regclass
                and d.deptype in ('a', 'i') and d.refobjsubid > 0
join pg_class t on t.oid = d.refobjid
join pg_namespace tn on tn.oid = t.relnamespace
join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
where t.relkind in ('r', 'p') and sn.nspname not like 'pg\_%'
