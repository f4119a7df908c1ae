-- a row for each table of the users: schema.name, estimated rows, bytes, scans a second since its statistics began (null: unknown)
select format('%I.%I', s.schemaname, s.relname), s.n_live_tup, pg_table_size(s.relid),
       (coalesce(s.seq_scan, 0) + coalesce(s.idx_scan, 0))
       / nullif(extract(epoch from now() - coalesce(d.stats_reset, pg_postmaster_start_time())), 0)::float8
from pg_stat_user_tables s
join pg_stat_database d on d.datname = current_database()
