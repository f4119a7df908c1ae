-- a row for each table of the users: schema.name, rows inserted, updated and deleted since the statistics began
select format('%I.%I', s.schemaname, s.relname), s.n_tup_ins + s.n_tup_upd + s.n_tup_del
from pg_stat_user_tables s
