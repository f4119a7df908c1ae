-- columns of tables and of views: kind, the relation's name with a dot ("within"), then a list for the names of its columns, in
-- their order, and one for each property. What few columns have stands in "more", which is made for these alone.
with relations as materialized (
    select c.oid, c.relname, c.relispartition, c.relpersistence, c.relowner,
           quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' as prefix,
           case when c.relkind in ('v', 'm') then 'view column' else 'column' end as kind
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'f', 'v', 'm')
      and c.relnamespace = any (%(namespaces)s::oid[])
      and c.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_class'::regclass and e.deptype = 'e')
)
select min(q.kind) as kind,
       min(q.prefix) as within,
       array_agg(q.name) as name,
       array_agg(q.type) as type,
       array_agg(q.not_null) as not_null,
       array_agg(q."default") as "default",
       array_agg(q.more) as more
from (
    select a.attrelid,
           c.kind,
           c.prefix,
           quote_ident(a.attname) as name,
           format_type(a.atttypid, a.atttypmod) as type,
           nullif(a.attnotnull, false) as not_null,
           -- no column can be named in a default: without its table that need not be loaded
           case when a.atthasdef and a.attgenerated = '' then pg_get_expr(ad.adbin, 0) end as "default",
           case when a.attcollation <> t.typcollation or a.attgenerated <> '' or a.attidentity <> ''
                     or a.attstorage <> t.typstorage or a.attcompression <> '' or a.attstattarget >= 0 or a.attoptions is not null
                     or a.attfdwoptions is not null or not a.attislocal or a.attacl is not null or d.description is not null
                     or (nn.conrelid is not null
                         and (not nn.convalidated or nn.connoinherit or not nn.conislocal or nn.description is not null
                              or nn.conname <> c.relname || '_' || a.attname || '_not_null'))
                then (
               select to_json(more) from (
                   select case when a.attcollation <> t.typcollation
                               then quote_ident(cn.nspname) || '.' || quote_ident(co.collname) end as collation,
                          case when not nn.convalidated then true end as not_null_not_valid,
                          case when nn.connoinherit then true end as not_null_no_inherit,
                          case when not nn.conislocal then true end as not_null_inherited,
                          nullif(nn.conname, c.relname || '_' || a.attname || '_not_null') as not_null_name,
                          nn.description as not_null_comment,
                          case a.attgenerated when 's' then 'stored' when 'v' then 'virtual' end as generated,
                          case when a.attgenerated <> '' then pg_get_expr(ad.adbin, ad.adrelid) end as expression,
                          -- from 17 on a partition shows its parent's identity as its own, which is no fact about the partition
                          case when not (c.relispartition and current_setting('server_version_num')::int4 >= 170000)
                               then case a.attidentity when 'a' then 'always' when 'd' then 'by default' end end as identity,
                          ids.options as identity_options,
                          ids.persistence as identity_persistence,
                          ids.name as identity_sequence,
                          ids.comment as identity_comment,
                          ids.acl as identity_acl,
                          ids.acl_default as identity_acl_default,
                          case when a.attstorage <> t.typstorage
                               then case a.attstorage when 'p' then 'plain' when 'e' then 'external'
                                                      when 'm' then 'main' when 'x' then 'extended' end end as storage,
                          case a.attcompression when 'p' then 'pglz' when 'l' then 'lz4' end as compression,
                          nullif(a.attstattarget, -1) as statistics_target,
                          case when a.attoptions is not null
                               then array(select o from unnest(a.attoptions) as o order by o) end as options,
                          case when a.attfdwoptions is not null
                               then array(select o from unnest(a.attfdwoptions) as o order by o) end as server_options,
                          case when not a.attislocal then true end as inherited,
                          a.attacl::text[] as acl,
                          case when a.attacl is not null or ids.acl is not null then pg_get_userbyid(c.relowner) end as owner_role,
                          d.description as comment
                   from (values (0)) as once
                   left join pg_collation co on co.oid = a.attcollation
                   left join pg_namespace cn on cn.oid = co.collnamespace
                   left join (
                       select quote_ident(sn.nspname) || '.' || quote_ident(sc.relname) as name,
                              concat(case when s.seqtypid <> a.atttypid then 'as ' || format_type(s.seqtypid, null) || ' ' end,
                                     'start ', s.seqstart, ' increment ', s.seqincrement, ' min ', s.seqmin, ' max ', s.seqmax,
                                     ' cache ', s.seqcache, case when s.seqcycle then ' cycle' end) as options,
                              case when sc.relpersistence <> c.relpersistence then case sc.relpersistence when 'u' then 'unlogged' else 'logged' end end as persistence,
                              sc.relacl::text[] as acl,
                              case when sc.relacl is not null then acldefault('s', sc.relowner)::text[] end as acl_default,
                              sd.description as comment
                       from pg_depend dep
                       join pg_sequence s on s.seqrelid = dep.objid
                       join pg_class sc on sc.oid = s.seqrelid
                       join pg_namespace sn on sn.oid = sc.relnamespace
                       left join pg_description sd
                              on sd.classoid = 'pg_class'::regclass and sd.objoid = sc.oid and sd.objsubid = 0
                       where dep.refclassid = 'pg_class'::regclass and dep.refobjid = a.attrelid
                         and dep.refobjsubid = a.attnum and dep.classid = 'pg_class'::regclass and dep.deptype = 'i'
                   ) ids on a.attidentity <> ''
               ) more
           ) end as more
    from pg_attribute a
    join relations c on c.oid = a.attrelid
    join pg_type t on t.oid = a.atttypid
    left join pg_attrdef ad on a.atthasdef and ad.adrelid = a.attrelid and ad.adnum = a.attnum
    left join pg_description d
           on d.classoid = 'pg_class'::regclass and d.objoid = a.attrelid and d.objsubid = a.attnum
    left join (
        select k.conrelid, k.conkey[1] as attnum, k.conname, k.convalidated, k.connoinherit, k.conislocal, kd.description
        from pg_constraint k
        left join pg_description kd on kd.classoid = 'pg_constraint'::regclass and kd.objoid = k.oid
        where k.contype = 'n'
    ) nn on nn.conrelid = a.attrelid and nn.attnum = a.attnum
    where a.attnum > 0 and not a.attisdropped
    order by a.attrelid, a.attnum
) q
group by q.attrelid
