-- one row: whether a routine of the users has a word of statements that would meet what the observer leaves in its session; and whether one
-- may alter what there is, or empty it
select coalesce(pg_catalog.bool_or(prosrc ~* '\m(deallocate|discard|pg_prepared_statements|current_query|pg_stat_activity)\M'), false),
       coalesce(pg_catalog.bool_or(prosrc ~* '\m(alter|create|drop|truncate|execute)\M' or prosqlbody is not null), false)
from pg_catalog.pg_proc
where oid >= 16384
