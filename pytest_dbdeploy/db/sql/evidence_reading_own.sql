-- one row: the lock on the one table {table} (a text, null: none) that a statement has written to which touches only what its transaction has
-- made: relation, mode
select pg_catalog.to_regclass({table})::pg_catalog.oid as relation, 'RowExclusiveLock' as mode
