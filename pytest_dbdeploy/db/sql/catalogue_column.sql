-- columns of tables and of views: kind, name, then their properties; position is the rank among living columns.
-- What few columns have stands in "more", which is made for these alone: that halves the time for all.
with relations as materialized (
    select c.oid, c.relname, c.relispartition,
           quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' as prefix,
           case when c.relkind in ('v', 'm') then 'view column' else 'column' end as kind
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'f', 'v', 'm')
      and c.relnamespace = any (%(namespaces)s::oid[])
      and not exists (select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = c.oid and e.deptype = 'e')
)
select c.kind,
       c.prefix || quote_ident(a.attname) as name,
       (a.attnum - case when gone.numbers is null then 0
                        else (select count(*) from unnest(gone.numbers) as g where g < a.attnum) end)::int4 as position,
       format_type(a.atttypid, a.atttypmod) as type,
       nullif(a.attnotnull, false) as not_null,
       case when a.atthasdef and a.attgenerated = '' then pg_get_expr(ad.adbin, ad.adrelid) end as "default",
       case when a.attcollation <> t.typcollation or nn.oid is not null or a.attgenerated <> '' or a.attidentity <> ''
                 or a.attstorage <> t.typstorage or a.attcompression <> '' or a.attstattarget >= 0 or a.attoptions is not null
                 or a.attfdwoptions is not null or not a.attislocal or a.attacl is not null or d.description is not null
            then to_json(more) end as more
from pg_attribute a
join relations c on c.oid = a.attrelid
join pg_type t on t.oid = a.atttypid
left join pg_collation co on co.oid = a.attcollation and a.attcollation <> t.typcollation
left join pg_namespace cn on cn.oid = co.collnamespace
left join pg_attrdef ad on a.atthasdef and ad.adrelid = a.attrelid and ad.adnum = a.attnum
left join pg_constraint nn on nn.contype = 'n' and nn.conrelid = a.attrelid and nn.conkey[1] = a.attnum
left join pg_description nnd on nnd.classoid = 'pg_constraint'::regclass and nnd.objoid = nn.oid
left join (
    select attrelid, array_agg(attnum) as numbers from pg_attribute where attisdropped group by attrelid
) gone on gone.attrelid = a.attrelid
left join (
    select dep.refobjid, dep.refobjsubid,
           quote_ident(sn.nspname) || '.' || quote_ident(sc.relname) as name,
           concat(case when s.seqtypid <> sa.atttypid then 'as ' || format_type(s.seqtypid, null) || ' ' end,
                  'start ', s.seqstart, ' increment ', s.seqincrement, ' min ', s.seqmin, ' max ', s.seqmax,
                  ' cache ', s.seqcache, case when s.seqcycle then ' cycle' end) as options,
           sc.relacl::text[] as acl,
           case when sc.relacl is not null then acldefault('s', sc.relowner)::text[] end as acl_default,
           sd.description as comment
    from pg_sequence s
    join pg_class sc on sc.oid = s.seqrelid
    join pg_namespace sn on sn.oid = sc.relnamespace
    join pg_depend dep on dep.classid = 'pg_class'::regclass and dep.objid = sc.oid
    join pg_attribute sa on sa.attrelid = dep.refobjid and sa.attnum = dep.refobjsubid
    left join pg_description sd on sd.classoid = 'pg_class'::regclass and sd.objoid = sc.oid and sd.objsubid = 0
    where dep.refclassid = 'pg_class'::regclass and dep.deptype = 'i'
) ids on a.attidentity <> '' and ids.refobjid = a.attrelid and ids.refobjsubid = a.attnum
left join pg_description d
       on d.classoid = 'pg_class'::regclass and d.objoid = a.attrelid and d.objsubid = a.attnum
cross join lateral (
    select case when a.attcollation <> t.typcollation
                then quote_ident(cn.nspname) || '.' || quote_ident(co.collname) end as collation,
           case when nn.oid is not null and not nn.convalidated then true end as not_null_not_valid,
           case when nn.connoinherit then true end as not_null_no_inherit,
           case when not nn.conislocal then true end as not_null_inherited,
           nullif(nn.conname, c.relname || '_' || a.attname || '_not_null') as not_null_name,
           nnd.description as not_null_comment,
           case a.attgenerated when 's' then 'stored' when 'v' then 'virtual' end as generated,
           case when a.attgenerated <> '' then pg_get_expr(ad.adbin, ad.adrelid) end as expression,
           -- from 17 on a partition shows its parent's identity as its own, which is no fact about the partition
           case when not (c.relispartition and current_setting('server_version_num')::int4 >= 170000)
                then case a.attidentity when 'a' then 'always' when 'd' then 'by default' end end as identity,
           ids.options as identity_options,
           ids.name as identity_sequence,
           ids.comment as identity_comment,
           ids.acl as identity_acl,
           ids.acl_default as identity_acl_default,
           case when a.attstorage <> t.typstorage
                then case a.attstorage when 'p' then 'plain' when 'e' then 'external'
                                       when 'm' then 'main' when 'x' then 'extended' end end as storage,
           case a.attcompression when 'p' then 'pglz' when 'l' then 'lz4' end as compression,
           nullif(a.attstattarget, -1) as statistics_target,
           case when a.attoptions is not null then array(select o from unnest(a.attoptions) as o order by o) end as options,
           case when a.attfdwoptions is not null
                then array(select o from unnest(a.attfdwoptions) as o order by o) end as server_options,
           case when not a.attislocal then true end as inherited,
           a.attacl::text[] as acl,
           d.description as comment
) more
where a.attnum > 0 and not a.attisdropped
