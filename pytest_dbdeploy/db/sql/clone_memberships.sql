-- a row for each membership: role, member, its options as JSON (admin_option; from 16 on inherit_option, set_option)
select pg_get_userbyid(m.roleid)::text as role, pg_get_userbyid(m.member)::text as member, to_jsonb(m) as options
from pg_auth_members m
order by 1, 2
