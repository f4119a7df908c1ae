-- case tables-in-another-order: same
CREATE TABLE a (x int); CREATE TABLE b (y int);
-- instead
CREATE TABLE b (y int); CREATE TABLE a (x int);
-- case indexes-in-another-order: same
CREATE TABLE t (a int, b int); CREATE INDEX i ON t (a); CREATE INDEX j ON t (b);
-- instead
CREATE TABLE t (a int, b int); CREATE INDEX j ON t (b); CREATE INDEX i ON t (a);
-- case constraints-in-another-order: same
CREATE TABLE t (a int, CONSTRAINT c CHECK (a > 0), CONSTRAINT d CHECK (a < 9));
-- instead
CREATE TABLE t (a int); ALTER TABLE t ADD CONSTRAINT d CHECK (a < 9); ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0);
-- case dropped-column: same
CREATE TABLE t (a int, b int);
-- instead
CREATE TABLE t (z int, a int, y text, b int); ALTER TABLE t DROP z, DROP y;
-- case column-added-later: same
CREATE TABLE t (a int, b int DEFAULT 5 NOT NULL);
-- instead
CREATE TABLE t (a int); INSERT INTO t VALUES (1); ALTER TABLE t ADD b int DEFAULT 5 NOT NULL;
-- case dropped-column-and-index: same
CREATE TABLE t (a int, b int); CREATE INDEX i ON t (b); CREATE VIEW v AS SELECT b FROM t; ALTER TABLE t ALTER b SET STATISTICS 5;
-- instead
CREATE TABLE t (z int, a int, b int); ALTER TABLE t DROP z; CREATE INDEX i ON t (b); CREATE VIEW v AS SELECT b FROM t; ALTER TABLE t ALTER b SET STATISTICS 5;
-- case dropped-attribute: same
CREATE TYPE c AS (a int, b text);
-- instead
CREATE TYPE c AS (a int, z int, b text); ALTER TYPE c DROP ATTRIBUTE z;
-- case acl-order: same
CREATE TABLE t (a int); GRANT SELECT ON t TO reader; GRANT INSERT ON t TO writer;
-- instead
CREATE TABLE t (a int); GRANT INSERT ON t TO writer; GRANT SELECT ON t TO reader;
-- case acl-in-parts: same
CREATE TABLE t (a int); GRANT SELECT, INSERT, UPDATE ON t TO reader;
-- instead
CREATE TABLE t (a int); GRANT UPDATE ON t TO reader; GRANT SELECT ON t TO reader; GRANT INSERT ON t TO reader;
-- case acl-null-or-default: same
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TYPE e AS ENUM ('a'); CREATE SEQUENCE s;
-- change
GRANT SELECT ON t TO reader; REVOKE SELECT ON t FROM reader; GRANT EXECUTE ON FUNCTION f() TO reader; REVOKE EXECUTE ON FUNCTION f() FROM reader;
GRANT USAGE ON TYPE e TO reader; REVOKE USAGE ON TYPE e FROM reader; GRANT USAGE ON SEQUENCE s TO reader; REVOKE USAGE ON SEQUENCE s FROM reader;
-- case column-acl-taken-back: same
CREATE TABLE t (a int);
-- change
GRANT SELECT (a) ON t TO reader; REVOKE SELECT (a) ON t FROM reader;
-- case schema-acl-taken-back: same
-- change
GRANT USAGE ON SCHEMA :s TO reader; REVOKE USAGE ON SCHEMA :s FROM reader;
-- case default-privileges-taken-back: same
-- change
ALTER DEFAULT PRIVILEGES IN SCHEMA :s GRANT SELECT ON TABLES TO reader; ALTER DEFAULT PRIVILEGES IN SCHEMA :s REVOKE SELECT ON TABLES FROM reader;
-- case oids: same
CREATE TABLE t (a int PRIMARY KEY); CREATE VIEW v AS SELECT * FROM t;
-- instead
CREATE TABLE x (a int); DROP TABLE x; CREATE TABLE t (a int PRIMARY KEY); CREATE VIEW v AS SELECT * FROM t;
-- case vacuum-full: same
CREATE TABLE t (a int PRIMARY KEY, b text); INSERT INTO t SELECT g, 'x' FROM generate_series(1, 50) g;
-- change
VACUUM FULL t;
-- case cluster: same
CREATE TABLE t (a int); CREATE INDEX i ON t (a); ALTER TABLE t CLUSTER ON i; INSERT INTO t SELECT g FROM generate_series(1, 50) g;
-- change
CLUSTER t;
-- case reindex: same
CREATE TABLE t (a int); CREATE INDEX i ON t (a);
-- change
REINDEX TABLE t;
-- case reindex-concurrently: same
CREATE TABLE t (a int); CREATE INDEX i ON t (a);
-- change
REINDEX TABLE CONCURRENTLY t;
-- case index-concurrently: same
CREATE TABLE t (a int); CREATE INDEX i ON t (a);
-- instead
CREATE TABLE t (a int); CREATE INDEX CONCURRENTLY i ON t (a);
-- case analyze: same
CREATE TABLE t (a int, b int); CREATE STATISTICS s ON a, b FROM t;
-- change
INSERT INTO t SELECT g, g FROM generate_series(1, 500) g; ANALYZE t;
-- case rows: same
CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY, b text);
-- change
INSERT INTO t (b) SELECT 'x' FROM generate_series(1, 50);
-- case sequence-position: same
CREATE SEQUENCE s; CREATE TABLE t (a serial);
-- change
SELECT setval('s', 700); INSERT INTO t DEFAULT VALUES;
-- case truncate: same
CREATE TABLE t (a serial);
-- change
INSERT INTO t DEFAULT VALUES; TRUNCATE t RESTART IDENTITY;
-- case quoted-or-not: same
CREATE TABLE t (a int, b text DEFAULT 'x'); CREATE VIEW v AS SELECT a FROM t;
-- instead
CREATE TABLE "t" ("a" integer, "b" text DEFAULT ('x')); CREATE VIEW "v" AS SELECT "t"."a" FROM "t";
-- case spelling-of-types: same
CREATE TABLE t (a int, b varchar(5), c bool, d timestamptz, e numeric(5), f float);
-- instead
CREATE TABLE t (a pg_catalog.int4, b character varying(5), c boolean, d timestamp with time zone, e decimal(5,0), f double precision);
-- case search-path: same
CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t;
-- instead
SET search_path = pg_catalog; CREATE TABLE :s.t (a int); CREATE VIEW :s.v AS SELECT a FROM :s.t; RESET search_path;
-- case enum-added-value: same
CREATE TYPE e AS ENUM ('a', 'b', 'c');
-- instead
CREATE TYPE e AS ENUM ('a', 'c'); ALTER TYPE e ADD VALUE 'b' BEFORE 'c';
-- case partition-attached: same
CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
-- instead
CREATE TABLE t1 (a int); CREATE TABLE t (a int) PARTITION BY LIST (a); ALTER TABLE t ATTACH PARTITION t1 FOR VALUES IN (1);
-- case partition-with-index-attached: same
CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE INDEX t_a_idx ON t (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
-- instead
CREATE TABLE t1 (z int, a int); ALTER TABLE t1 DROP z; CREATE TABLE t (a int) PARTITION BY LIST (a); ALTER TABLE t ATTACH PARTITION t1 FOR VALUES IN (1); CREATE INDEX t_a_idx ON t (a);
-- case trigger-off-and-on: same
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
-- change
ALTER TABLE t DISABLE TRIGGER ALL; ALTER TABLE t ENABLE TRIGGER ALL;
-- case replaced-function: same
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- instead
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'; CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- case replaced-view: same
CREATE VIEW v AS SELECT 1 AS a;
-- instead
CREATE VIEW v AS SELECT 2 AS a; CREATE OR REPLACE VIEW v AS SELECT 1 AS a;
-- case matview-refreshed: same
CREATE TABLE t (a int); CREATE MATERIALIZED VIEW m AS SELECT a FROM t; CREATE UNIQUE INDEX i ON m (a);
-- change
INSERT INTO t VALUES (1); REFRESH MATERIALIZED VIEW CONCURRENTLY m;
-- case set-and-reset: same
CREATE TABLE t (a int);
-- change
ALTER TABLE t SET (fillfactor = 50); ALTER TABLE t RESET (fillfactor); ALTER TABLE t ALTER a SET STATISTICS 7; ALTER TABLE t ALTER a SET STATISTICS -1;
ALTER TABLE t ALTER a SET NOT NULL; ALTER TABLE t ALTER a DROP NOT NULL; COMMENT ON TABLE t IS 'x'; COMMENT ON TABLE t IS NULL;
-- case operator-class-order: same
CREATE OPERATOR CLASS c FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int);
-- instead
CREATE OPERATOR CLASS c FOR TYPE int USING btree AS FUNCTION 1 btint4cmp(int, int), OPERATOR 5 >, OPERATOR 4 >=, OPERATOR 3 =, OPERATOR 2 <=, OPERATOR 1 <;
-- case policy-roles-order: same
CREATE TABLE t (a int); CREATE POLICY p ON t TO reader, writer USING (true);
-- instead
CREATE TABLE t (a int); CREATE POLICY p ON t TO writer, reader USING (true);
-- case inherited-column-added-later: same
CREATE TABLE p (a int); CREATE TABLE c (x int, y int) INHERITS (p); ALTER TABLE p ADD b int;
-- instead
CREATE TABLE p (a int, b int); CREATE TABLE c (x int, y int) INHERITS (p);
-- case comment-on-an-inherited-check: same
CREATE TABLE p (a int CONSTRAINT c CHECK (a > 0)); CREATE TABLE t () INHERITS (p);
-- change
COMMENT ON CONSTRAINT c ON t IS 'no dump has it';
-- case trigger-two-events-order-same: same
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'; CREATE TRIGGER g BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();
-- instead
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'; CREATE TRIGGER g BEFORE UPDATE OR INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
-- case name-63-same: same
CREATE TABLE ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt (ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc int NOT NULL UNIQUE);
-- instead
CREATE TABLE ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt (ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc int UNIQUE NOT NULL);
-- case name-63-not-null-later: same
CREATE TABLE ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt (ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc int NOT NULL);
-- instead
CREATE TABLE ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt (ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc int); ALTER TABLE ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt ALTER ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc SET NOT NULL;
-- case column-array-dims-same: same
CREATE TABLE t (a int[3][3]);
-- instead
CREATE TABLE t (a int[]);
-- case function-typmod-dropped-same: same
CREATE FUNCTION f(numeric(5,2)) RETURNS varchar(5) LANGUAGE sql AS 'select ''x''';
-- instead
CREATE FUNCTION f(numeric) RETURNS varchar LANGUAGE sql AS 'select ''x''';
-- case serial-by-hand-same: same
CREATE TABLE t (a serial);
-- instead
CREATE TABLE t (a int NOT NULL); CREATE SEQUENCE t_a_seq AS integer OWNED BY t.a; ALTER TABLE t ALTER a SET DEFAULT nextval('t_a_seq');
-- case function-pct-type-same: same
CREATE TABLE t (a int); CREATE FUNCTION f(x t.a%TYPE) RETURNS int LANGUAGE sql AS 'select 1';
-- instead
CREATE TABLE t (a int); CREATE FUNCTION f(x int) RETURNS int LANGUAGE sql AS 'select 1';
-- case policy-dropped-column-same: same
CREATE TABLE t (z int, a int); ALTER TABLE t DROP z; CREATE POLICY p ON t USING (a > 0);
-- instead
CREATE TABLE t (a int); CREATE POLICY p ON t USING (a > 0);
-- case inherits-dropped-column-same: same
CREATE TABLE p (z int, a int, b int); ALTER TABLE p DROP z; CREATE TABLE c (x int) INHERITS (p);
-- instead
CREATE TABLE p (a int, b int); CREATE TABLE c (x int) INHERITS (p);
-- case statistics-dropped-column-same: same
CREATE TABLE t (z int, a int, b int); ALTER TABLE t DROP z; CREATE STATISTICS s ON a, b FROM t;
-- instead
CREATE TABLE t (a int, b int); CREATE STATISTICS s ON a, b FROM t;
-- case grant-all-to-owner-same: same
CREATE TABLE t (a int);
-- change
GRANT ALL ON t TO CURRENT_USER;
-- case identity-restart-same: same
CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY);
-- change
ALTER TABLE t ALTER a RESTART WITH 50;
-- case comment-empty-same: same
CREATE TABLE t (a int); COMMENT ON TABLE t IS '';
-- instead
CREATE TABLE t (a int);
-- case check-between-same: same
CREATE TABLE t (a int CHECK (a BETWEEN 1 AND 5));
-- instead
CREATE TABLE t (a int CHECK (a >= 1 AND a <= 5));
-- case partition-fk-to-partitioned-same: same
CREATE TABLE r (a int PRIMARY KEY) PARTITION BY LIST (a); CREATE TABLE r1 PARTITION OF r FOR VALUES IN (1); CREATE TABLE t (a int REFERENCES r) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
-- instead
CREATE TABLE r (a int PRIMARY KEY) PARTITION BY LIST (a); CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r; CREATE TABLE r1 PARTITION OF r FOR VALUES IN (1);
-- case db-settings-rendering-same: same
CREATE TABLE t (a timestamptz DEFAULT '2020-01-01 00:00+00', b interval DEFAULT '1 day', c bytea DEFAULT '\x00', d float8 DEFAULT 0.1, e date DEFAULT '2020-02-01');
-- instead
SET timezone = 'Asia/Kolkata'; SET datestyle = 'German'; SET intervalstyle = 'iso_8601'; SET bytea_output = 'escape'; CREATE TABLE t (a timestamptz DEFAULT '2020-01-01 00:00+00', b interval DEFAULT 'P1D', c bytea DEFAULT '\x00', d float8 DEFAULT 0.1, e date DEFAULT '2020-02-01');
