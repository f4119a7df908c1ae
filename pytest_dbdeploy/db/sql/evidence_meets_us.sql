-- one row: whether a routine of the users has a word of statements that would meet what the observer leaves in its session
select exists (
    select from pg_catalog.pg_proc
    where oid >= 16384
      and prosrc ~* '\m(deallocate|discard|pg_prepared_statements|current_query|pg_stat_activity)\M'
)
