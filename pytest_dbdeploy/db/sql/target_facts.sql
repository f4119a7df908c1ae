-- one row: what the planner needs to know of the target, its role and what the role may do
select current_setting('server_version_num')::int as server_version_num,
       current_setting('server_version') as server_version,
       current_database()::text as database,
       current_user::text as "user",
       r.rolsuper as superuser,
       pg_is_in_recovery() as in_recovery,
       current_setting('default_transaction_read_only')::bool as read_only,
       pg_database_size(current_database()) as database_bytes,
       has_database_privilege(current_database(), 'CREATE') as can_create_schema,
       current_setting('max_locks_per_transaction')::int
           * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int) as lock_slots,
       exists (select from pg_namespace where nspname = %(state_schema)s) as state_schema_exists
from pg_roles r
where r.rolname = current_user
