-- operator classes and families: kind, name, then their properties. A class lists the operators and functions that go with
-- it, a family those that were added to it alone.
with members as (
    select d.refclassid, d.refobjid,
           'operator ' || o.amopstrategy || ' ' || o.amopopr::regoperator::text
               || case when o.amopsortfamily <> 0
                       then ' for order by ' || (
                           select quote_ident(fn.nspname) || '.' || quote_ident(f.opfname)
                           from pg_opfamily f join pg_namespace fn on fn.oid = f.opfnamespace where f.oid = o.amopsortfamily)
                       else '' end as member
    from pg_depend d
    join pg_amop o on d.classid = 'pg_amop'::regclass and o.oid = d.objid
    where d.refclassid in ('pg_opclass'::regclass, 'pg_opfamily'::regclass)
    union all
    select d.refclassid, d.refobjid,
           'function ' || p.amprocnum || ' (' || format_type(p.amproclefttype, null) || ', '
               || format_type(p.amprocrighttype, null) || ') ' || p.amproc::regprocedure::text
    from pg_depend d
    join pg_amproc p on d.classid = 'pg_amproc'::regclass and p.oid = d.objid
    where d.refclassid in ('pg_opclass'::regclass, 'pg_opfamily'::regclass)
)
select 'operator class' as kind,
       quote_ident(n.nspname) || '.' || quote_ident(c.opcname) || ' USING ' || quote_ident(am.amname) as name,
       format_type(c.opcintype, null) as type,
       case when c.opckeytype <> 0 then format_type(c.opckeytype, null) end as storage,
       quote_ident(fn.nspname) || '.' || quote_ident(f.opfname) as family,
       nullif(c.opcdefault, false) as is_default,
       array(select m.member from members m
             where m.refclassid = 'pg_opclass'::regclass and m.refobjid = c.oid order by 1) as members,
       pg_get_userbyid(c.opcowner) as owner,
       d.description as comment
from pg_opclass c
join pg_namespace n on n.oid = c.opcnamespace
join pg_am am on am.oid = c.opcmethod
join pg_opfamily f on f.oid = c.opcfamily
join pg_namespace fn on fn.oid = f.opfnamespace
left join pg_description d on d.classoid = 'pg_opclass'::regclass and d.objoid = c.oid
where c.opcnamespace = any (%(namespaces)s::oid[])
  and c.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_opclass'::regclass and e.deptype = 'e')
union all
select 'operator family',
       quote_ident(n.nspname) || '.' || quote_ident(f.opfname) || ' USING ' || quote_ident(am.amname),
       null, null, null, null,
       array(select m.member from members m
             where m.refclassid = 'pg_opfamily'::regclass and m.refobjid = f.oid order by 1),
       pg_get_userbyid(f.opfowner),
       d.description
from pg_opfamily f
join pg_namespace n on n.oid = f.opfnamespace
join pg_am am on am.oid = f.opfmethod
left join pg_description d on d.classoid = 'pg_opfamily'::regclass and d.objoid = f.oid
where f.opfnamespace = any (%(namespaces)s::oid[])
  and f.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_opfamily'::regclass and e.deptype = 'e')
