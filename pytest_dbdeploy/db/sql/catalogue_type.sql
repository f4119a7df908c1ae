-- enums, domains, composite and range types: kind, name, then their properties
select 'type' as kind,
       quote_ident(n.nspname) || '.' || quote_ident(t.typname) as name,
       case t.typtype when 'e' then 'enum' when 'd' then 'domain' when 'c' then 'composite' else 'range' end as type,
       case when t.typtype = 'e' then array(
           select e.enumlabel::text from pg_enum e where e.enumtypid = t.oid order by e.enumsortorder
       ) end as labels,
       case when t.typtype = 'c' then array(
           select quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
                  || case when a.attcollation <> at.typcollation
                          then ' collate ' || quote_ident(acn.nspname) || '.' || quote_ident(ac.collname) else '' end
                  || coalesce(' comment ' || quote_literal(ad.description), '')
           from pg_attribute a
           join pg_type at on at.oid = a.atttypid
           left join pg_collation ac on ac.oid = a.attcollation
           left join pg_namespace acn on acn.oid = ac.collnamespace
           left join pg_description ad
                  on ad.classoid = 'pg_class'::regclass and ad.objoid = t.typrelid and ad.objsubid = a.attnum
           where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
           order by a.attnum
       ) end as attributes,
       case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end as base_type,
       case when t.typtype = 'd' and t.typcollation <> base.typcollation
            then quote_ident(cn.nspname) || '.' || quote_ident(co.collname) end as collation,
       case when t.typtype = 'd' then coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault) end as "default",
       case when t.typtype = 'd' then nullif(t.typnotnull, false) end as not_null,
       case when t.typtype = 'd' then array(
           select pg_get_constraintdef(k.oid) || coalesce(' comment ' || quote_literal(kd.description), '')
           from pg_constraint k
           left join pg_description kd on kd.classoid = 'pg_constraint'::regclass and kd.objoid = k.oid
           where k.contypid = t.oid and k.contype = 'c' order by 1, k.conname
       ) end as constraints,
       -- in the order of the definitions; what PostgreSQL 17 names besides, where the name is not its own choice
       case when t.typtype = 'd' then array(
           select quote_ident(k.conname) from pg_constraint k
           left join pg_description kd on kd.classoid = 'pg_constraint'::regclass and kd.objoid = k.oid
           where k.contypid = t.oid and k.contype = 'c'
           order by pg_get_constraintdef(k.oid) || coalesce(' comment ' || quote_literal(kd.description), ''), k.conname
       ) end as constraint_names,
       case when t.typtype = 'd' then (
           select quote_ident(k.conname) from pg_constraint k
           where k.contypid = t.oid and k.contype = 'n' and k.conname <> t.typname || '_not_null'
       ) end as not_null_name,
       case when t.typtype = 'd' then (
           select kd.description from pg_constraint k
           join pg_description kd on kd.classoid = 'pg_constraint'::regclass and kd.objoid = k.oid
           where k.contypid = t.oid and k.contype = 'n'
       ) end as not_null_comment,
       format_type(r.rngsubtype, null) as subtype,
       opc.name as subtype_opclass,
       case when r.rngcollation <> sub.typcollation
            then quote_ident(rcn.nspname) || '.' || quote_ident(rc.collname) end as subtype_collation,
       nullif(r.rngcanonical, 0)::regprocedure::text as canonical,
       nullif(r.rngsubdiff, 0)::regprocedure::text as subtype_diff,
       case when r.rngmultitypid <> 0 then format_type(r.rngmultitypid, null) end as multirange,
       pg_get_userbyid(t.typowner) as owner,
       t.typacl::text[] as acl,
       case when t.typacl is not null then acldefault('T', t.typowner)::text[] end as acl_default,
       d.description as comment
from pg_type t
join pg_namespace n on n.oid = t.typnamespace
left join pg_class c on c.oid = t.typrelid
left join pg_type base on base.oid = t.typbasetype
left join pg_collation co on co.oid = t.typcollation
left join pg_namespace cn on cn.oid = co.collnamespace
left join pg_range r on r.rngtypid = t.oid
left join pg_type sub on sub.oid = r.rngsubtype
left join pg_collation rc on rc.oid = r.rngcollation
left join pg_namespace rcn on rcn.oid = rc.collnamespace
left join (
    select o.oid, quote_ident(opn.nspname) || '.' || quote_ident(o.opcname) as name
    from pg_opclass o join pg_namespace opn on opn.oid = o.opcnamespace
) opc on opc.oid = r.rngsubopc
left join pg_description d on d.classoid = 'pg_type'::regclass and d.objoid = t.oid and d.objsubid = 0
where t.typnamespace = any (%(namespaces)s::oid[])
  and t.typisdefined
  and (t.typtype in ('e', 'd', 'r') or (t.typtype = 'c' and c.relkind = 'c'))
  and t.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_type'::regclass and e.deptype = 'e')
