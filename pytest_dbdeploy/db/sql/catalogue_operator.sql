-- operators: kind, name with operand types, then their properties; one that others only promise (no function yet) is none
select 'operator' as kind,
       quote_ident(n.nspname) || '.' || o.oprname || '(' || case when o.oprleft = 0 then 'NONE' else format_type(o.oprleft, null) end
           || ', ' || format_type(o.oprright, null) || ')' as name,
       o.oprcode::regprocedure::text as function,
       nullif(o.oprcom, 0)::regoperator::text as commutator,
       nullif(o.oprnegate, 0)::regoperator::text as negator,
       nullif(o.oprrest, 0)::regproc::text as restrict_function,
       nullif(o.oprjoin, 0)::regproc::text as join_function,
       nullif(o.oprcanhash, false) as hashes,
       nullif(o.oprcanmerge, false) as merges,
       pg_get_userbyid(o.oprowner) as owner,
       d.description as comment
from pg_operator o
join pg_namespace n on n.oid = o.oprnamespace
left join pg_description d on d.classoid = 'pg_operator'::regclass and d.objoid = o.oid
where o.oprnamespace = any (%(namespaces)s::oid[])
  and o.oprcode <> 0
  and o.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_operator'::regclass and e.deptype = 'e')
