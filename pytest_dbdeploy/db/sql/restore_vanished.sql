-- those of %(keys)s (catalogue.oid.column) that are there no more
select k.key
from (
    select item as key, split_part(item, '.', 1)::oid as classid, split_part(item, '.', 2)::oid as objid,
           split_part(item, '.', 3)::int as objsubid
    from unnest(%(keys)s::text[]) as keys (item)
) as k
where pg_describe_object(k.classid, k.objid, k.objsubid) is null
   or k.objsubid > 0 and (select attisdropped from pg_attribute where attrelid = k.objid and attnum = k.objsubid)
