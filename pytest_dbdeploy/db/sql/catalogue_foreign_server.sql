-- foreign data wrappers and servers: kind, name, then their properties; secrets as a part of their hash
select 'foreign data wrapper' as kind,
       quote_ident(w.fdwname) as name,
       null as wrapper,
       nullif(w.fdwhandler, 0)::regproc::text as handler,
       nullif(w.fdwvalidator, 0)::regproc::text as validator,
       null as type,
       null as version,
       array(
           select case when o ~* '^[^=]*(pass|secret|token|key)[^=]*='
                       then split_part(o, '=', 1) || '=sha256:' || left(encode(sha256(o::bytea), 'hex'), 8)
                       else o end
           from unnest(w.fdwoptions) as o order by o
       ) as server_options,
       pg_get_userbyid(w.fdwowner) as owner,
       w.fdwacl::text[] as acl,
       case when w.fdwacl is not null then acldefault('F', w.fdwowner)::text[] end as acl_default,
       d.description as comment
from pg_foreign_data_wrapper w
left join pg_description d on d.classoid = 'pg_foreign_data_wrapper'::regclass and d.objoid = w.oid
where %(everything)s
  and w.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_foreign_data_wrapper'::regclass and e.deptype = 'e')
union all
select 'foreign server', quote_ident(s.srvname), quote_ident(w.fdwname), null, null, s.srvtype, s.srvversion,
       array(
           select case when o ~* '^[^=]*(pass|secret|token|key)[^=]*='
                       then split_part(o, '=', 1) || '=sha256:' || left(encode(sha256(o::bytea), 'hex'), 8)
                       else o end
           from unnest(s.srvoptions) as o order by o
       ),
       pg_get_userbyid(s.srvowner),
       s.srvacl::text[],
       case when s.srvacl is not null then acldefault('S', s.srvowner)::text[] end,
       d.description
from pg_foreign_server s
join pg_foreign_data_wrapper w on w.oid = s.srvfdw
left join pg_description d on d.classoid = 'pg_foreign_server'::regclass and d.objoid = s.oid
where %(everything)s
  and s.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_foreign_server'::regclass and e.deptype = 'e')
