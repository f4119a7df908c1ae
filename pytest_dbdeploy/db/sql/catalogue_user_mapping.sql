-- user mappings of foreign servers: kind, name, then their properties; secrets as a part of their hash.
-- Options are null where the role may not read them.
select 'user mapping' as kind,
       case when m.umuser = 0 then 'PUBLIC' else quote_ident(m.usename) end || ' on ' || quote_ident(m.srvname) as name,
       array(
           select case when o ~* '^[^=]*(pass|secret|token|key)[^=]*='
                       then split_part(o, '=', 1) || '=sha256:' || left(encode(sha256(o::bytea), 'hex'), 8)
                       else o end
           from unnest(m.umoptions) as o order by o
       ) as server_options
from pg_user_mappings m
where %(everything)s
