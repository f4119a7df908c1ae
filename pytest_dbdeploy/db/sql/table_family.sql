-- names of the table %(relation)s ("schema.name"), its partitions and the tables that inherit from it, at every depth
with recursive family (oid) as (
    select c.oid
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where quote_ident(n.nspname) || '.' || quote_ident(c.relname) = %(relation)s
    union
    select i.inhrelid from pg_catalog.pg_inherits i join family f on f.oid = i.inhparent
)
select quote_ident(n.nspname) || '.' || quote_ident(c.relname)
from family f
join pg_catalog.pg_class c on c.oid = f.oid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
