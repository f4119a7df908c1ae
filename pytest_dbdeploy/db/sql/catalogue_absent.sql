-- queries of a snapshot that would find nothing, as the database has no such object: name. That many of them are left out is
-- worth a query that finds them. 16384 is the first oid of a user's object.
select kinds.name
from (values
    ('view', exists (select from pg_class where relkind in ('v', 'm') and oid >= 16384)),
    ('sequence', exists (select from pg_sequence)),
    ('function', exists (select from pg_proc where oid >= 16384)),
    ('aggregate', exists (select from pg_aggregate where aggfnoid >= 16384)),
    ('trigger', exists (select from pg_trigger where not tgisinternal)),
    ('event_trigger', exists (select from pg_event_trigger)),
    ('type', exists (select from pg_type where typtype in ('e', 'd', 'r') and oid >= 16384)
                 or exists (select from pg_class where relkind = 'c')),
    ('policy', exists (select from pg_policy)),
    ('rule', exists (select from pg_rewrite where rulename <> '_RETURN' and oid >= 16384)),
    ('statistics', exists (select from pg_statistic_ext)),
    ('collation', exists (select from pg_collation where oid >= 16384)),
    ('conversion', exists (select from pg_conversion where oid >= 16384)),
    ('operator', exists (select from pg_operator where oid >= 16384)),
    ('operator_class', exists (select from pg_opfamily where oid >= 16384) or exists (select from pg_opclass where oid >= 16384)),
    ('cast', exists (select from pg_cast where oid >= 16384)),
    ('text_search', exists (select from pg_ts_parser where oid >= 16384) or exists (select from pg_ts_template where oid >= 16384)
                        or exists (select from pg_ts_dict where oid >= 16384) or exists (select from pg_ts_config where oid >= 16384)),
    ('access_method', exists (select from pg_am where oid >= 16384)),
    ('publication', exists (select from pg_publication)),
    ('foreign_server', exists (select from pg_foreign_data_wrapper)),
    ('user_mapping', exists (select from pg_foreign_server)),
    ('default_privileges', exists (select from pg_default_acl))
) as kinds (name, present)
where not kinds.present
