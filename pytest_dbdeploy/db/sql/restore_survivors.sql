-- a row for each object that a restore must not take along and that depends on what it drops: key, description, and its type and names as COMMENT would have them; %(dropped)s: keys (catalogue.oid) of what will be dropped
with recursive dropped as materialized (
    select split_part(keys.item, '.', 1)::oid as classid, split_part(keys.item, '.', 2)::oid as objid
    from unnest(%(dropped)s::text[]) as keys (item)
), reached (classid, objid, objsubid) as (
    -- as DROP ... CASCADE goes: to what depends on it, and from an object's inner parts to the object
    select classid, objid, 0 from dropped
    union
    select next.*
    from reached r
    cross join lateral (
        select d.classid, d.objid, d.objsubid from pg_depend d
        where d.refclassid = r.classid and d.refobjid = r.objid and (r.objsubid = 0 or d.refobjsubid = r.objsubid)
        union all
        select d.refclassid, d.refobjid, d.refobjsubid from pg_depend d
        where d.classid = r.classid and d.objid = r.objid and d.deptype = 'i' and (r.objsubid = 0 or d.objsubid = r.objsubid)
    ) as next
), relation as materialized (
    select c.oid, c.tableoid as classid
    from pg_class c
    where c.oid >= 16384 and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and c.relpersistence <> 't'
      and not exists (select from dropped d where d.classid = c.tableoid and d.objid = c.oid)
      -- an identity column's sequence goes with its table
      and not exists (select from pg_depend d where d.classid = c.tableoid and d.objid = c.oid and d.objsubid = 0 and d.deptype = 'i')
), survivor as (
    select classid, oid as objid, 0 as objsubid from relation
    union all
    select 'pg_class'::regclass, attrelid, attnum from pg_attribute join relation on oid = attrelid where attnum > 0 and not attisdropped
    union all
    select d.tableoid, d.oid, 0 from pg_attrdef d join relation r on r.oid = d.adrelid
    union all
    select 'pg_class'::regclass, i.indexrelid, 0 from pg_index i join relation r on r.oid = i.indrelid
    union all
    select c.tableoid, c.oid, 0 from pg_constraint c join relation r on r.oid = c.conrelid
    union all
    select t.tableoid, t.oid, 0 from pg_trigger t join relation r on r.oid = t.tgrelid where not t.tgisinternal
    union all
    select w.tableoid, w.oid, 0 from pg_rewrite w join relation r on r.oid = w.ev_class
    union all
    select p.tableoid, p.oid, 0 from pg_policy p join relation r on r.oid = p.polrelid
    union all
    select s.tableoid, s.oid, 0 from pg_statistic_ext s join relation r on r.oid = s.stxrelid
    union all
    select classid, objid, 0
    from (select tableoid as classid, oid as objid from pg_proc
          union all select tableoid, oid from pg_type where typtype in ('e', 'd', 'r') or typtype = 'c' and (select relkind from pg_class where oid = typrelid) = 'c'
          union all select tableoid, oid from pg_operator
          union all select tableoid, oid from pg_opclass
          union all select tableoid, oid from pg_cast
          union all select tableoid, oid from pg_collation
          union all select tableoid, oid from pg_ts_config
          union all select tableoid, oid from pg_ts_dict
          union all select tableoid, oid from pg_event_trigger
          union all select tableoid, oid from pg_foreign_server
          union all select tableoid, oid from pg_publication
          union all select tableoid, oid from pg_extension) other
    where objid >= 16384 and not exists (select from dropped d where d.classid = other.classid and d.objid = other.objid)
      and not exists (select from pg_depend d where d.classid = other.classid and d.objid = other.objid and d.deptype = 'e')
      -- what belongs to another object goes with it (a range's constructors belong to the bootstrap superuser)
      and not exists (select from pg_depend d where d.classid = other.classid and d.objid = other.objid and d.objsubid = 0 and d.deptype = 'i')
)
select s.classid || '.' || s.objid || '.' || s.objsubid as key, pg_describe_object(s.classid, s.objid, s.objsubid) as description,
       a.type, a.object_names as names
from survivor s
join reached using (classid, objid, objsubid)
cross join lateral pg_identify_object_as_address(s.classid, s.objid, s.objsubid) as a
