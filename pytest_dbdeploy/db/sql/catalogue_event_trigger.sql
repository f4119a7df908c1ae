-- event triggers: kind, name, then their properties
select 'event trigger' as kind,
       quote_ident(t.evtname) as name,
       t.evtevent as event,
       t.evtfoid::regprocedure::text as function,
       array(select g from unnest(t.evttags) as g order by g) as tags,
       case t.evtenabled when 'D' then 'disabled' when 'R' then 'replica' when 'A' then 'always' end as enabled,
       pg_get_userbyid(t.evtowner) as owner,
       d.description as comment
from pg_event_trigger t
left join pg_description d on d.classoid = 'pg_event_trigger'::regclass and d.objoid = t.oid
where %(everything)s
  and t.oid not in (select e.objid from pg_depend e where e.refclassid = 'pg_extension'::regclass and e.classid = 'pg_event_trigger'::regclass and e.deptype = 'e')
