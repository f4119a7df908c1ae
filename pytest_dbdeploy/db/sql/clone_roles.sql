-- a row for each role that this database's owners, privileges, policies and settings name, and for each that such a role is a member of: name and attributes as JSON
with recursive named as (
    select refobjid as oid
    from pg_shdepend
    where refclassid = 'pg_authid'::regclass
      and (dbid = (select oid from pg_database where datname = current_database())
           or classid = 'pg_database'::regclass and objid = (select oid from pg_database where datname = current_database()))
    union select oid from pg_roles where oid = 10 or rolname = current_user -- the bootstrap superuser is never in pg_shdepend
    union select datdba from pg_database where datname = current_database()
    union select setrole from pg_db_role_setting
          where setdatabase = (select oid from pg_database where datname = current_database()) and setrole <> 0
    union select m.roleid from named join pg_auth_members m on m.member = named.oid
)
select rolname::text as name, rolsuper as superuser, rolinherit as inherit, rolcreaterole as createrole,
       rolcreatedb as createdb, rolbypassrls as bypassrls
from pg_roles
where oid in (select oid from named) and rolname not like 'pg\_%'
order by 1
