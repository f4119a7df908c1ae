-- a row for each setting that a session of this role begins with and the server alone does not explain: name, value; later rows override earlier ones
select name, value
from (
    select 0 as rank, name, setting as value
    from pg_settings
    where name in ('TimeZone', 'DateStyle', 'IntervalStyle', 'default_text_search_config', 'search_path')
    union all
    select case when s.setdatabase = 0 and s.setrole = 0 then 1 when s.setrole = 0 then 2 when s.setdatabase = 0 then 3 else 4 end,
           split_part(c.config, '=', 1), substr(c.config, strpos(c.config, '=') + 1)
    from pg_db_role_setting s, unnest(s.setconfig) as c (config)
    where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
      and s.setrole in (0, (select oid from pg_roles where rolname = current_user))
) found
order by rank, name
