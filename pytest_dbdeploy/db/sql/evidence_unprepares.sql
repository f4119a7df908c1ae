-- one row: whether a routine may end prepared statements
select exists (select from pg_catalog.pg_proc where prosrc ~* '\m(deallocate|discard)\M')
