-- a row for each relation that the hub shows: schema, relation (no partitions), columns: JSON pairs of name and type, null where only its text can come over
select n.nspname::text as schema, c.relname::text as relation,
       coalesce((
           -- A type must be known on the hub and mean the same there: no type of users or extensions, nothing that is looked up
           -- in the catalogue (reg*), nothing that depends on the server's locale or on how it was built. A domain comes as its base type.
           select json_agg(json_build_array(
                      a.attname,
                      case when b.typnamespace = 'pg_catalog'::regnamespace and b.typtype in ('b', 'r', 'm')
                                and b.typname !~ '^_?(reg|aclitem|gtsvector|money|xml|pg_(node|ndis|dep|mcv|brin|ddl))'
                           then case t.typtype when 'd' then format_type(t.typbasetype, t.typtypmod)
                                               else format_type(t.oid, a.atttypmod) end end
                  ) order by a.attnum)
           from pg_attribute a
           join pg_type t on t.oid = a.atttypid
           join pg_type b on b.oid = case t.typtype when 'd' then t.typbasetype else t.oid end
           where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       ), '[]')::text as columns
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
  and n.nspname <> 'information_schema' and left(n.nspname, 3) <> 'pg_'
order by 1, 2
