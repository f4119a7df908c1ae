-- case schema-added: schema extra
-- change
CREATE SCHEMA extra;
-- case schema-public-revoke: schema public
-- change
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
-- case schema-public-comment: schema public
-- change
COMMENT ON SCHEMA public IS 'ours';
-- case table-tablespace: table public.t
CREATE TABLE t (a int);
-- change
ALTER TABLE t SET TABLESPACE other_space;
-- case index-tablespace: index public.i
CREATE TABLE t (a int); CREATE INDEX i ON t (a);
-- change
ALTER INDEX i SET TABLESPACE other_space;
-- case table-access-method: table public.t
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler; CREATE TABLE t (a int);
-- instead
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler; CREATE TABLE t (a int) USING heap2;
-- case partitioned-access-method: table public.t [17]
CREATE TABLE t (a int) PARTITION BY LIST (a);
-- instead
CREATE TABLE t (a int) PARTITION BY LIST (a) USING heap;
-- case access-method-added: access method heap2
-- change
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
-- case access-method-comment: access method heap2
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
-- change
COMMENT ON ACCESS METHOD heap2 IS 'x';
-- case cast-added: cast (text AS public.c)
CREATE TYPE c AS (a int);
-- change
CREATE CAST (text AS c) WITH INOUT;
-- case cast-context: cast (text AS public.c)
CREATE TYPE c AS (a int); CREATE CAST (text AS c) WITH INOUT;
-- instead
CREATE TYPE c AS (a int); CREATE CAST (text AS c) WITH INOUT AS IMPLICIT;
-- case cast-function: cast (text AS public.c)
CREATE TYPE c AS (a int); CREATE FUNCTION f(text) RETURNS c LANGUAGE sql AS 'SELECT row(1)::c'; CREATE CAST (text AS c) WITH INOUT;
-- instead
CREATE TYPE c AS (a int); CREATE FUNCTION f(text) RETURNS c LANGUAGE sql AS 'SELECT row(1)::c'; CREATE CAST (text AS c) WITH FUNCTION f(text);
-- case cast-comment: cast (text AS public.c)
CREATE TYPE c AS (a int); CREATE CAST (text AS c) WITH INOUT;
-- change
COMMENT ON CAST (text AS c) IS 'x';
-- case event-trigger-added: event trigger e
CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
-- change
CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f();
-- case event-trigger-disabled: event trigger e
CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f();
-- change
ALTER EVENT TRIGGER e DISABLE;
-- case event-trigger-tags: event trigger e
CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER e ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION f();
-- instead
CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER e ON ddl_command_end WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION f();
-- case event-trigger-comment: event trigger e
CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f();
-- change
COMMENT ON EVENT TRIGGER e IS 'x';
-- case publication-added: publication p
CREATE TABLE t (a int);
-- change
CREATE PUBLICATION p FOR TABLE t;
-- case publication-table: publication p
CREATE TABLE t (a int); CREATE PUBLICATION p;
-- change
ALTER PUBLICATION p ADD TABLE t;
-- case publication-columns: publication p
CREATE TABLE t (a int, b int); CREATE PUBLICATION p FOR TABLE t (a, b);
-- change
ALTER PUBLICATION p SET TABLE t (a);
-- case publication-where: publication p
CREATE TABLE t (a int); CREATE PUBLICATION p FOR TABLE t WHERE (a > 1);
-- change
ALTER PUBLICATION p SET TABLE t WHERE (a > 2);
-- case publication-all-tables: publication p
CREATE PUBLICATION p;
-- instead
CREATE PUBLICATION p FOR ALL TABLES;
-- case publication-schema: publication p
CREATE PUBLICATION p;
-- change
ALTER PUBLICATION p ADD TABLES IN SCHEMA public;
-- case publication-publish: publication p
CREATE PUBLICATION p;
-- change
ALTER PUBLICATION p SET (publish = 'insert, delete');
-- case publication-via-root: publication p
CREATE PUBLICATION p;
-- change
ALTER PUBLICATION p SET (publish_via_partition_root = true);
-- case publication-generated-columns: publication p [18]
CREATE PUBLICATION p;
-- change
ALTER PUBLICATION p SET (publish_generated_columns = stored);
-- case publication-owner: publication p
CREATE PUBLICATION p;
-- change
ALTER PUBLICATION p OWNER TO writer;
-- case publication-comment: publication p
CREATE PUBLICATION p;
-- change
COMMENT ON PUBLICATION p IS 'x';
-- case wrapper-added: foreign data wrapper w
-- change
CREATE FOREIGN DATA WRAPPER w;
-- case wrapper-option: foreign data wrapper w
CREATE FOREIGN DATA WRAPPER w OPTIONS (debug 'yes');
-- change
ALTER FOREIGN DATA WRAPPER w OPTIONS (SET debug 'no');
-- case wrapper-grant: foreign data wrapper w
CREATE FOREIGN DATA WRAPPER w;
-- change
GRANT USAGE ON FOREIGN DATA WRAPPER w TO reader;
-- case server-added: foreign server s
CREATE FOREIGN DATA WRAPPER w;
-- change
CREATE SERVER s FOREIGN DATA WRAPPER w;
-- case server-option: foreign server s
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 'a');
-- change
ALTER SERVER s OPTIONS (SET host 'b');
-- case server-version: foreign server s
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s TYPE 'x' VERSION '1' FOREIGN DATA WRAPPER w;
-- change
ALTER SERVER s VERSION '2';
-- case server-owner: foreign server s
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; GRANT USAGE ON FOREIGN DATA WRAPPER w TO writer;
-- change
ALTER SERVER s OWNER TO writer;
-- case server-grant: foreign server s
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;
-- change
GRANT USAGE ON FOREIGN SERVER s TO reader;
-- case server-comment: foreign server s
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;
-- change
COMMENT ON SERVER s IS 'x';
-- case user-mapping-added: user mapping reader on s
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;
-- change
CREATE USER MAPPING FOR reader SERVER s;
-- case user-mapping-option: user mapping PUBLIC on s
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (password 'a');
-- change
ALTER USER MAPPING FOR PUBLIC SERVER s OPTIONS (SET password 'b');
-- case foreign-table-option: foreign table public.t
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE t (a int) SERVER s OPTIONS (x '1');
-- change
ALTER FOREIGN TABLE t OPTIONS (SET x '2');
-- case foreign-table-server: foreign table public.t
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE SERVER r FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE t (a int) SERVER s;
-- instead
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE SERVER r FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE t (a int) SERVER r;
-- case foreign-table-column-option: column public.t.a
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE t (a int) SERVER s;
-- change
ALTER FOREIGN TABLE t ALTER a OPTIONS (ADD x '2');
-- case foreign-table-column: column public.t.b
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE t (a int) SERVER s;
-- change
ALTER FOREIGN TABLE t ADD b int;
-- case default-privileges: default privileges postgres on tables
-- change
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader;
-- case default-privileges-revoked: default privileges postgres on functions
-- change
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
-- case default-privileges-types: default privileges postgres on types
-- change
ALTER DEFAULT PRIVILEGES REVOKE USAGE ON TYPES FROM PUBLIC;
-- case default-privileges-schemas: default privileges postgres on schemas
-- change
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO reader WITH GRANT OPTION;
-- case default-privileges-sequences: default privileges writer on sequences
-- change
ALTER DEFAULT PRIVILEGES FOR ROLE writer GRANT SELECT ON SEQUENCES TO reader;
-- case system-function-revoked: privileges function pg_catalog.pg_sleep(double precision)
-- change
REVOKE EXECUTE ON FUNCTION pg_catalog.pg_sleep(float8) FROM PUBLIC;
-- case system-table-granted: privileges table pg_catalog.pg_authid
-- change
GRANT SELECT ON pg_catalog.pg_authid TO reader;
-- case language-grant: privileges language plpgsql
-- change
REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
-- case extension-comment: extension plpgsql [unseen]
-- change
COMMENT ON EXTENSION plpgsql IS 'x';
-- case extension-removed: extension plpgsql [unseen]
-- change
DROP EXTENSION plpgsql;
-- case extension-version: extension plpgsql [unseen]
-- change
UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'plpgsql';
-- case database-setting: setting work_mem [unseen]
-- change
ALTER DATABASE :d SET work_mem = '8MB';
-- case role-in-database-setting: setting work_mem of reader [unseen]
-- change
ALTER ROLE reader IN DATABASE :d SET work_mem = '8MB';
-- case publication-tables-in-another-order: same
CREATE TABLE t (a int); CREATE TABLE u (a int); CREATE PUBLICATION p FOR TABLE t, u;
-- instead
CREATE TABLE u (a int); CREATE TABLE t (a int); CREATE PUBLICATION p FOR TABLE u; ALTER PUBLICATION p ADD TABLE t;
-- case event-trigger-off-and-on: same
CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f();
-- change
ALTER EVENT TRIGGER e DISABLE; ALTER EVENT TRIGGER e ENABLE;
-- case server-options-in-another-order: same
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (a '1'); CREATE FOREIGN TABLE t (a int) SERVER s;
-- change
ALTER SERVER s OPTIONS (SET a '2'); ALTER SERVER s OPTIONS (SET a '1'); ALTER FOREIGN TABLE t OPTIONS (ADD x '1'); ALTER FOREIGN TABLE t OPTIONS (DROP x);
-- case tablespace-there-and-back: same
CREATE TABLE t (a int); CREATE INDEX i ON t (a);
-- change
ALTER TABLE t SET TABLESPACE other_space; ALTER TABLE t SET TABLESPACE pg_default; ALTER INDEX i SET TABLESPACE other_space; ALTER INDEX i SET TABLESPACE pg_default;
-- case cast-again: same
CREATE TYPE c AS (a int); CREATE CAST (text AS c) WITH INOUT;
-- change
DROP CAST (text AS c); CREATE CAST (text AS c) WITH INOUT;
-- case system-privilege-there-and-back: same
-- change
REVOKE EXECUTE ON FUNCTION pg_catalog.pg_sleep(float8) FROM PUBLIC; GRANT EXECUTE ON FUNCTION pg_catalog.pg_sleep(float8) TO PUBLIC;
