-- rows of {table}: written by others since the snapshot %(snapshot)s, written by our own transactions %(own)s text[], put there by an earlier rollback (%(restored)s text[]), all.
-- A row's xmin is the transaction that inserted it or last updated it; its upper half is the one that makes it no newer than now.
select count(*) filter (where fresh and not ours), count(*) filter (where ours),
       count(*) filter (where fresh and restored), count(*)
from (
    select case when xmin::text::bigint < 3 or id < pg_snapshot_xmin(%(snapshot)s::pg_snapshot)::text::bigint then false
                else not pg_visible_in_snapshot(id::text::xid8, %(snapshot)s::pg_snapshot) end as fresh,
           id::text = any (%(own)s::text[]) as ours, id::text = any (%(restored)s::text[]) as restored
    from (
        select t.xmin, now.id - ((now.id - t.xmin::text::bigint) & 4294967295) as id
        from {table} t,
             (select pg_snapshot_xmax(pg_current_snapshot())::text::bigint as id offset 0) as now
    ) as numbered
) as judged
