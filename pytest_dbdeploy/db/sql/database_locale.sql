-- encoding, and what decides upper and lower case, of the current database
select
    pg_encoding_to_char(d.encoding)::text,
    concat_ws(' ', d.datlocprovider, d.datctype, to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'datlocale')
from pg_catalog.pg_database d
where d.datname = current_database()
