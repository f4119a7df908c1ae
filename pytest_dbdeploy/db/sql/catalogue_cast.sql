-- casts: kind, name, then their properties
select 'cast' as kind,
       '(' || format_type(c.castsource, null) || ' AS ' || format_type(c.casttarget, null) || ')' as name,
       case c.castcontext when 'e' then 'explicit' when 'a' then 'assignment' else 'implicit' end as context,
       case c.castmethod when 'f' then 'function' when 'i' then 'inout' else 'binary' end as method,
       nullif(c.castfunc, 0)::regprocedure::text as function,
       d.description as comment
from pg_cast c
left join pg_description d on d.classoid = 'pg_cast'::regclass and d.objoid = c.oid
where %(everything)s
  and c.oid >= 16384  -- the first oid of a user's object
  and not exists (
      select from pg_depend e
      where e.classid = 'pg_cast'::regclass and e.objid = c.oid and e.deptype in ('e', 'i')
  )
