-- what keeps one of %(columns)s ("schema.table.column") or a column of one of %(types)s from getting another type, and comes back
-- from the dump: kind, name
with types as (
    select u.oid
    from pg_catalog.pg_type t
    join pg_catalog.pg_namespace n on n.oid = t.typnamespace
    cross join lateral unnest(array[t.oid, t.typarray]) as u(oid)
    where quote_ident(n.nspname) || '.' || quote_ident(t.typname) = any (%(types)s::text[])
), columns as (
    select a.attrelid, a.attnum, a.atttypid in (select oid from types) as of_type
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_class t on t.oid = a.attrelid and t.relkind in ('r', 'p', 'f')
    join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
    where a.attnum > 0 and not a.attisdropped
      and (a.atttypid in (select oid from types)
           or quote_ident(tn.nspname) || '.' || quote_ident(t.relname) || '.' || quote_ident(a.attname) = any (%(columns)s::text[]))
), dependents as (
    select d.classid, d.objid
    from pg_catalog.pg_depend d
    join columns c on d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = c.attrelid and d.refobjsubid = c.attnum
    where d.classid in ('pg_catalog.pg_rewrite'::regclass, 'pg_catalog.pg_policy'::regclass, 'pg_catalog.pg_trigger'::regclass)
    union
    select d.classid, d.objid
    from pg_catalog.pg_depend d
    join types t on d.refclassid = 'pg_catalog.pg_type'::regclass and d.refobjid = t.oid
    where d.classid in ('pg_catalog.pg_rewrite'::regclass, 'pg_catalog.pg_policy'::regclass, 'pg_catalog.pg_trigger'::regclass,
                        'pg_catalog.pg_constraint'::regclass, 'pg_catalog.pg_class'::regclass) and d.objsubid = 0
    union
    select 'pg_catalog.pg_constraint'::regclass, k.oid
    from pg_catalog.pg_constraint k
    join columns c on c.of_type and k.contype = 'f'
                  and ((k.conrelid = c.attrelid and c.attnum = any (k.conkey)) or (k.confrelid = c.attrelid and c.attnum = any (k.confkey)))
)
select distinct f.kind, quote_ident(n.nspname) || '.' || quote_ident(r.relname) || coalesce('.' || quote_ident(f.part), '')
from (
    select case v.relkind when 'm' then 'materialized view' when 'v' then 'view' else 'rule' end as kind,
           v.oid as relation, case when v.relkind in ('m', 'v') then null else r.rulename end as part
    from dependents d
    join pg_catalog.pg_rewrite r on d.classid = 'pg_catalog.pg_rewrite'::regclass and r.oid = d.objid
    join pg_catalog.pg_class v on v.oid = r.ev_class
    union all
    select 'policy', p.polrelid, p.polname
    from dependents d join pg_catalog.pg_policy p on d.classid = 'pg_catalog.pg_policy'::regclass and p.oid = d.objid
    union all
    select 'trigger', g.tgrelid, g.tgname
    from dependents d
    join pg_catalog.pg_trigger g on d.classid = 'pg_catalog.pg_trigger'::regclass and g.oid = d.objid and not g.tgisinternal and g.tgparentid = 0
    union all
    select 'constraint', k.conrelid, k.conname
    from dependents d
    join pg_catalog.pg_constraint k on d.classid = 'pg_catalog.pg_constraint'::regclass and k.oid = d.objid and k.conrelid <> 0 and k.coninhcount = 0
    where k.conparentid = 0
    union all
    select 'index', i.oid, null
    from dependents d
    join pg_catalog.pg_class i on d.classid = 'pg_catalog.pg_class'::regclass and i.oid = d.objid and i.relkind in ('i', 'I') and not i.relispartition
    where not exists (select from pg_catalog.pg_constraint k where k.conindid = i.oid and k.contype in ('p', 'u', 'x'))
) f
join pg_catalog.pg_class r on r.oid = f.relation
join pg_catalog.pg_namespace n on n.oid = r.relnamespace
order by 1, 2
