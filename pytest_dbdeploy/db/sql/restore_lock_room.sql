-- one row: locks that a restore in place of this database takes in its transaction (about: each relation goes and comes), locks that the server's settings promise
select (select 2 * count(*) from pg_class where oid >= 16384 and relpersistence <> 't') as needed,
       current_setting('max_locks_per_transaction')::bigint
       * (current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint) as available
