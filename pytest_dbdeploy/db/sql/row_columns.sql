-- oid, name, type, modifier, whether it holds other values, types of the innermost values, collation if `=` there is not by bytes: columns of %(relations)s
with recursive wanted as (
    select a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation
    from pg_catalog.pg_attribute a
    where a.attrelid = any (%(relations)s::bigint[]::oid[]) and a.attnum > 0 and not a.attisdropped
), part (root, oid) as (
    select distinct atttypid, atttypid from wanted
    union
    select p.root, inside.oid
    from part p
    join pg_catalog.pg_type t on t.oid = p.oid
    cross join lateral (
        select t.typbasetype as oid where t.typtype = 'd'
        union all select t.typelem where t.typelem <> 0 and t.typlen = -1 and t.typcategory = 'A' and t.typtype = 'b'
        union all select r.rngsubtype from pg_catalog.pg_range r where r.rngtypid = t.oid
        union all select r.rngtypid from pg_catalog.pg_range r where r.rngmultitypid = t.oid
        union all
        select b.atttypid from pg_catalog.pg_attribute b
        where t.typtype = 'c' and b.attrelid = t.typrelid and b.attnum > 0 and not b.attisdropped
    ) inside
), described as (
    select
        p.root,
        t.typtype in ('c', 'r', 'm') or (t.typelem <> 0 and t.typlen = -1 and t.typcategory = 'A' and t.typtype = 'b') as holds_values,
        t.typtype = 'd' as is_domain,
        case
            when t.typtype = 'e' then 'enum'
            when n.nspname = 'pg_catalog' or t.typname = 'citext' then t.typname::text
            else 'other'
        end as name
    from part p
    join pg_catalog.pg_type t on t.oid = p.oid
    join pg_catalog.pg_namespace n on n.oid = t.typnamespace
), types as (
    select
        root,
        bool_or(holds_values) as holds_values,
        array_agg(distinct name order by name) filter (where not holds_values and not is_domain) as innermost
    from described
    group by root
)
select
    w.attrelid::bigint,
    w.attname::text,
    format_type(w.atttypid, w.atttypmod),
    w.atttypmod,
    y.holds_values,
    coalesce(y.innermost, '{}'),
    case when not c.collisdeterministic then
        concat_ws(
            ' ', c.collprovider, c.collcollate, to_jsonb(c) ->> 'colliculocale', to_jsonb(c) ->> 'colllocale',
            to_jsonb(c) ->> 'collicurules', pg_collation_actual_version(c.oid)
        )
    end
from wanted w
join types y on y.root = w.atttypid
left join pg_catalog.pg_collation c on c.oid = w.attcollation
order by w.attrelid, w.attnum
