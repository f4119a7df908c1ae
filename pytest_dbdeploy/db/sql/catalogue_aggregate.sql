-- aggregates: kind, name with argument types, then their properties
select 'aggregate' as kind,
       quote_ident(n.nspname) || '.' || quote_ident(p.proname) || '(' || oidvectortypes(p.proargtypes) || ')' as name,
       pg_get_function_arguments(p.oid) as arguments,
       pg_get_function_result(p.oid) as returns,
       case a.aggkind when 'o' then 'ordered set' when 'h' then 'hypothetical set' end as type,
       a.aggnumdirectargs::int4 as direct_arguments,
       a.aggtransfn::regprocedure::text as transition_function,
       format_type(a.aggtranstype, null) as transition_type,
       nullif(a.aggtransspace, 0) as transition_space,
       a.agginitval as initial_value,
       nullif(a.aggfinalfn, 0)::regprocedure::text as final_function,
       nullif(a.aggfinalextra, false) as final_extra,
       a.aggfinalmodify::text as final_modify,
       nullif(a.aggcombinefn, 0)::regprocedure::text as combine_function,
       nullif(a.aggserialfn, 0)::regprocedure::text as serial_function,
       nullif(a.aggdeserialfn, 0)::regprocedure::text as deserial_function,
       nullif(a.aggmtransfn, 0)::regprocedure::text as moving_transition_function,
       nullif(a.aggminvtransfn, 0)::regprocedure::text as moving_inverse_function,
       nullif(a.aggmfinalfn, 0)::regprocedure::text as moving_final_function,
       nullif(a.aggmfinalextra, false) as moving_final_extra,
       a.aggmfinalmodify::text as moving_final_modify,
       case when a.aggmtranstype <> 0 then format_type(a.aggmtranstype, null) end as moving_transition_type,
       nullif(a.aggmtransspace, 0) as moving_transition_space,
       a.aggminitval as moving_initial_value,
       nullif(a.aggsortop, 0)::regoperator::text as sort_operator,
       p.proparallel::text as parallel,
       pg_get_userbyid(p.proowner) as owner,
       p.proacl::text[] as acl,
       case when p.proacl is not null then acldefault('f', p.proowner)::text[] end as acl_default,
       d.description as comment
from pg_aggregate a
join pg_proc p on p.oid = a.aggfnoid
join pg_namespace n on n.oid = p.pronamespace
left join pg_description d on d.classoid = 'pg_proc'::regclass and d.objoid = p.oid
where p.pronamespace = any (%(namespaces)s::oid[])
  and p.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_proc'::regclass and e.deptype = 'e')
