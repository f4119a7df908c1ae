-- settings of this database and of roles in it (ALTER DATABASE SET): kind, name, value; secrets as a part of their hash
select 'setting' as kind,
       split_part(v, '=', 1) || case when s.setrole = 0 then '' else ' of ' || quote_ident(pg_get_userbyid(s.setrole)) end as name,
       case when v ~* '^[^=]*(pass|secret|token|key)[^=]*='
            then 'sha256:' || left(encode(sha256(v::bytea), 'hex'), 8)
            else substr(v, strpos(v, '=') + 1) end as value
from pg_db_role_setting s
cross join lateral unnest(s.setconfig) as v
where %(everything)s
  and s.setdatabase = (select oid from pg_database where datname = current_database())
