-- tables, partitioned tables and foreign tables: kind, name, then their properties
select case c.relkind when 'f' then 'foreign table' else 'table' end as kind,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name,
       case c.relpersistence when 'u' then 'unlogged' end as persistence,
       case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end as partition_key,
       pg_get_expr(c.relpartbound, c.oid) as partition_bound,
       case when c.relispartition then parents.names[1] end as partition_of,
       nullif(parents.detach_pending, false) as detach_pending,
       case when not c.relispartition then parents.names end as inherits,
       case when c.reloftype <> 0 then format_type(c.reloftype, null) end as of_type,
       case when c.reloptions is not null then array(select o from unnest(c.reloptions) as o order by o) end as options,
       case when toast.reloptions is not null then array(select o from unnest(toast.reloptions) as o order by o) end as toast_options,
       -- a partitioned table has none, or one for partitions to come
       case when c.relkind = 'p' or am.amname <> 'heap' then quote_ident(am.amname) end as access_method,
       space.spcname as tablespace,
       case c.relreplident
           when 'n' then 'nothing'
           when 'f' then 'full'
           when 'i' then 'index ' || coalesce(quote_ident(identity.relname), '(dropped)')
       end as replica_identity,
       nullif(c.relrowsecurity, false) as row_security,
       nullif(c.relforcerowsecurity, false) as row_security_forced,
       quote_ident(server.srvname) as server,
       array(
           select case when o ~* '^[^=]*(pass|secret|token|key)[^=]*='
                       then split_part(o, '=', 1) || '=sha256:' || left(encode(sha256(o::bytea), 'hex'), 8)
                       else o end
           from unnest(ft.ftoptions) as o order by o
       ) as server_options,
       pg_get_userbyid(c.relowner) as owner,
       rt.typacl::text[] as row_type_acl,
       case when rt.typacl is not null then acldefault('T', rt.typowner)::text[] end as row_type_acl_default,
       c.relacl::text[] as acl,
       case when c.relacl is not null then acldefault('r', c.relowner)::text[] end as acl_default,
       d.description as comment
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_type rt on rt.oid = c.reltype
left join pg_class toast on toast.oid = c.reltoastrelid
left join pg_am am on am.oid = c.relam
left join pg_tablespace space on space.oid = c.reltablespace
left join (
    pg_index ri join pg_class identity on identity.oid = ri.indexrelid
) on c.relreplident = 'i' and ri.indrelid = c.oid and ri.indisreplident
left join pg_foreign_table ft on ft.ftrelid = c.oid
left join pg_foreign_server server on server.oid = ft.ftserver
left join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = c.oid and d.objsubid = 0
left join (
    select i.inhrelid,
           array_agg(quote_ident(pn.nspname) || '.' || quote_ident(p.relname) order by i.inhseqno) as names,
           bool_or(i.inhdetachpending) as detach_pending
    from pg_inherits i
    join pg_class p on p.oid = i.inhparent
    join pg_namespace pn on pn.oid = p.relnamespace
    group by i.inhrelid
) parents on parents.inhrelid = c.oid
where c.relkind in ('r', 'p', 'f')
  and c.relnamespace = any (%(namespaces)s::oid[])
  and c.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_class'::regclass and e.deptype = 'e')
