-- case function-added: function f()
-- change
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- case function-body: function f()
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- change
CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2';
-- case function-standard-body: function f()
CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END;
-- change
CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 2; END;
-- case function-overload: function f(integer)
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- change
CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';
-- case function-returns: function f()
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- change
DROP FUNCTION f(); CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT 1';
-- case function-returns-set: function f()
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- change
DROP FUNCTION f(); CREATE FUNCTION f() RETURNS SETOF int LANGUAGE sql AS 'SELECT 1';
-- case function-returns-table: function f()
CREATE FUNCTION f() RETURNS TABLE (a int) LANGUAGE sql AS 'SELECT 1';
-- change
DROP FUNCTION f(); CREATE FUNCTION f() RETURNS TABLE (b int) LANGUAGE sql AS 'SELECT 1';
-- case function-argument-name: function f(integer)
CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';
-- change
DROP FUNCTION f(int); CREATE FUNCTION f(b int) RETURNS int LANGUAGE sql AS 'SELECT 1';
-- case function-argument-default: function f(integer)
CREATE FUNCTION f(a int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT 1';
-- change
CREATE OR REPLACE FUNCTION f(a int DEFAULT 2) RETURNS int LANGUAGE sql AS 'SELECT 1';
-- case function-argument-mode: function f(integer)
CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';
-- change
DROP FUNCTION f(int); CREATE FUNCTION f(INOUT a int) LANGUAGE sql AS 'SELECT 1';
-- case function-variadic: function f(integer[])
CREATE FUNCTION f(a int[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
-- change
DROP FUNCTION f(int[]); CREATE FUNCTION f(VARIADIC a int[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
-- case function-language: function f()
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- change
CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
-- case function-volatility: function f()
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- change
ALTER FUNCTION f() IMMUTABLE;
-- case function-strict: function f()
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- change
ALTER FUNCTION f() STRICT;
-- case function-security-definer: function f()
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- change
ALTER FUNCTION f() SECURITY DEFINER;
-- case function-parallel: function f()
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- change
ALTER FUNCTION f() PARALLEL SAFE;
-- case function-leakproof: function f()
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- change
ALTER FUNCTION f() LEAKPROOF;
-- case function-cost: function f()
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- change
ALTER FUNCTION f() COST 1234;
-- case function-rows: function f()
CREATE FUNCTION f() RETURNS SETOF int LANGUAGE sql AS 'SELECT 1';
-- change
ALTER FUNCTION f() ROWS 5;
-- case function-setting: function f()
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- change
ALTER FUNCTION f() SET search_path = pg_catalog;
-- case function-support: function f(integer)
CREATE FUNCTION f(int) RETURNS SETOF int LANGUAGE sql AS 'SELECT 1';
-- change
ALTER FUNCTION f(int) SUPPORT pg_catalog.generate_series_int4_support;
-- case function-window: function f(integer)
CREATE FUNCTION f(int) RETURNS bigint LANGUAGE internal AS 'window_rank';
-- instead
CREATE FUNCTION f(int) RETURNS bigint LANGUAGE internal WINDOW AS 'window_rank';
-- case function-owner: function f()
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- change
ALTER FUNCTION f() OWNER TO writer;
-- case function-grant: function f()
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- change
GRANT EXECUTE ON FUNCTION f() TO reader;
-- case function-revoke-public: function f()
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- change
REVOKE EXECUTE ON FUNCTION f() FROM PUBLIC;
-- case function-comment: function f()
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- change
COMMENT ON FUNCTION f() IS 'x';
-- case function-depends-on-extension: function f()
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- change
ALTER FUNCTION f() DEPENDS ON EXTENSION plpgsql;
-- case function-or-procedure: procedure f()
CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'SELECT 1';
-- instead
CREATE PROCEDURE f() LANGUAGE sql AS 'SELECT 1';
-- case procedure-body: procedure f()
CREATE PROCEDURE f() LANGUAGE sql AS 'SELECT 1';
-- change
CREATE OR REPLACE PROCEDURE f() LANGUAGE sql AS 'SELECT 2';
-- case procedure-out-argument: procedure f(integer)
CREATE PROCEDURE f(INOUT a int) LANGUAGE sql AS 'SELECT 1';
-- change
DROP PROCEDURE f(int); CREATE PROCEDURE f(IN a int) LANGUAGE sql AS 'SELECT 1';
-- case procedure-grant: procedure f()
CREATE PROCEDURE f() LANGUAGE sql AS 'SELECT 1';
-- change
GRANT EXECUTE ON PROCEDURE f() TO reader;
-- case aggregate-added: aggregate g(integer)
-- change
CREATE AGGREGATE g(int) (sfunc = int4pl, stype = int);
-- case aggregate-initial: aggregate g(integer)
CREATE AGGREGATE g(int) (sfunc = int4pl, stype = int, initcond = '0');
-- change
CREATE OR REPLACE AGGREGATE g(int) (sfunc = int4pl, stype = int, initcond = '1');
-- case aggregate-function: aggregate g(integer)
CREATE AGGREGATE g(int) (sfunc = int4pl, stype = int);
-- change
CREATE OR REPLACE AGGREGATE g(int) (sfunc = int4mul, stype = int);
-- case aggregate-parallel: aggregate g(integer)
CREATE AGGREGATE g(int) (sfunc = int4pl, stype = int);
-- change
CREATE OR REPLACE AGGREGATE g(int) (sfunc = int4pl, stype = int, parallel = safe);
-- case aggregate-combine: aggregate g(integer)
CREATE AGGREGATE g(int) (sfunc = int4pl, stype = int);
-- change
CREATE OR REPLACE AGGREGATE g(int) (sfunc = int4pl, stype = int, combinefunc = int4pl);
-- case aggregate-moving: aggregate g(integer)
CREATE AGGREGATE g(int) (sfunc = int4pl, stype = int);
-- change
CREATE OR REPLACE AGGREGATE g(int) (sfunc = int4pl, stype = int, msfunc = int4pl, minvfunc = int4mi, mstype = int);
-- case aggregate-comment: aggregate g(integer)
CREATE AGGREGATE g(int) (sfunc = int4pl, stype = int);
-- change
COMMENT ON AGGREGATE g(int) IS 'x';
-- case aggregate-ordered-set: aggregate g(double precision, anyelement)
CREATE AGGREGATE g(float8 ORDER BY anyelement) (sfunc = ordered_set_transition, stype = internal, finalfunc = percentile_disc_final, finalfunc_extra);
-- change
DROP AGGREGATE g(float8 ORDER BY anyelement);

-- case trigger-added: trigger t.g
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
-- change
CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
-- case trigger-events: trigger t.g
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
-- change
CREATE OR REPLACE TRIGGER g BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();
-- case trigger-when: trigger t.g
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
-- change
CREATE OR REPLACE TRIGGER g BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.a > 1) EXECUTE FUNCTION f();
-- case trigger-columns: trigger t.g
CREATE TABLE t (a int, b int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();
-- change
CREATE OR REPLACE TRIGGER g BEFORE UPDATE OF b ON t FOR EACH ROW EXECUTE FUNCTION f();
-- case trigger-statement: trigger t.g
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
-- change
CREATE OR REPLACE TRIGGER g AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION f();
-- case trigger-arguments: trigger t.g
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
-- change
CREATE OR REPLACE TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f('x');
-- case trigger-transition-table: trigger t.g
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER g AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION f();
-- change
CREATE OR REPLACE TRIGGER g AFTER INSERT ON t REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION f();
-- case trigger-constraint: trigger t.g
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE CONSTRAINT TRIGGER g AFTER INSERT ON t DEFERRABLE FOR EACH ROW EXECUTE FUNCTION f();
-- change
DROP TRIGGER g ON t; CREATE CONSTRAINT TRIGGER g AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION f();
-- case trigger-disabled: trigger t.g
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
-- change
ALTER TABLE t DISABLE TRIGGER g;
-- case trigger-replica: trigger t.g
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
-- change
ALTER TABLE t ENABLE REPLICA TRIGGER g;
-- case trigger-always: trigger t.g
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
-- change
ALTER TABLE t ENABLE ALWAYS TRIGGER g;
-- case trigger-instead-of: trigger v.g
CREATE VIEW v AS SELECT 1 AS a; CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
-- change
CREATE TRIGGER g INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION f();
-- case trigger-comment: trigger t.g
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
-- change
COMMENT ON TRIGGER g ON t IS 'x';
-- case trigger-depends-on-extension: trigger t.g
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
-- change
ALTER TRIGGER g ON t DEPENDS ON EXTENSION plpgsql;
-- case trigger-on-one-partition: trigger t1.g
CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t DEFAULT;
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
-- change
ALTER TABLE t1 DISABLE TRIGGER g;
-- case trigger-renamed: trigger t.h
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
-- change
ALTER TRIGGER g ON t RENAME TO h;

-- case enum-added: type e
-- change
CREATE TYPE e AS ENUM ('a');
-- case enum-value: type e
CREATE TYPE e AS ENUM ('a', 'b');
-- change
ALTER TYPE e ADD VALUE 'c';
-- case enum-order: type e
CREATE TYPE e AS ENUM ('a', 'b');
-- instead
CREATE TYPE e AS ENUM ('b', 'a');
-- case enum-renamed-value: type e
CREATE TYPE e AS ENUM ('a', 'b');
-- change
ALTER TYPE e RENAME VALUE 'a' TO 'x';
-- case enum-owner: type e
CREATE TYPE e AS ENUM ('a', 'b');
-- change
ALTER TYPE e OWNER TO writer;
-- case enum-revoke: type e
CREATE TYPE e AS ENUM ('a', 'b');
-- change
REVOKE USAGE ON TYPE e FROM PUBLIC;
-- case enum-grant: type e
CREATE TYPE e AS ENUM ('a', 'b');
-- change
GRANT USAGE ON TYPE e TO reader;
-- case enum-comment: type e
CREATE TYPE e AS ENUM ('a', 'b');
-- change
COMMENT ON TYPE e IS 'x';
-- case domain-added: type d
-- change
CREATE DOMAIN d AS int;
-- case domain-base: type d
CREATE DOMAIN d AS varchar(5);
-- instead
CREATE DOMAIN d AS varchar(6);
-- case domain-check: type d
CREATE DOMAIN d AS int CONSTRAINT c CHECK (VALUE > 0);
-- instead
CREATE DOMAIN d AS int CONSTRAINT c CHECK (VALUE > 1);
-- case domain-check-name: type d
CREATE DOMAIN d AS int CONSTRAINT c CHECK (VALUE > 0);
-- change
ALTER DOMAIN d RENAME CONSTRAINT c TO e;
-- case domain-check-not-valid: type d
CREATE DOMAIN d AS int;
ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID;
-- change
ALTER DOMAIN d VALIDATE CONSTRAINT c;
-- case domain-check-comment: type d
CREATE DOMAIN d AS int CONSTRAINT c CHECK (VALUE > 0);
-- change
COMMENT ON CONSTRAINT c ON DOMAIN d IS 'x';
-- case domain-default: type d
CREATE DOMAIN d AS int;
-- change
ALTER DOMAIN d SET DEFAULT 3;
-- case domain-not-null: type d
CREATE DOMAIN d AS int;
-- change
ALTER DOMAIN d SET NOT NULL;
-- case domain-not-null-name: type d [18]
CREATE DOMAIN d AS int NOT NULL;
-- instead
CREATE DOMAIN d AS int CONSTRAINT must NOT NULL;
-- case domain-collation: type d
CREATE DOMAIN d AS text;
-- instead
CREATE DOMAIN d AS text COLLATE "C";
-- case domain-grant: type d
CREATE DOMAIN d AS text;
-- change
REVOKE USAGE ON DOMAIN d FROM PUBLIC;
-- case composite-added-attribute: type c
CREATE TYPE c AS (a int);
-- change
ALTER TYPE c ADD ATTRIBUTE b text;
-- case composite-attribute-type: type c
CREATE TYPE c AS (a int);
-- change
ALTER TYPE c ALTER ATTRIBUTE a TYPE bigint;
-- case composite-attribute-name: type c
CREATE TYPE c AS (a int);
-- change
ALTER TYPE c RENAME ATTRIBUTE a TO b;
-- case composite-attribute-order: type c
CREATE TYPE c AS (a int, b int);
-- instead
CREATE TYPE c AS (b int, a int);
-- case composite-attribute-collation: type c
CREATE TYPE c AS (a text);
-- instead
CREATE TYPE c AS (a text COLLATE "C");
-- case composite-attribute-comment: type c
CREATE TYPE c AS (a int);
-- change
COMMENT ON COLUMN c.a IS 'x';
-- case composite-comment: type c
CREATE TYPE c AS (a int);
-- change
COMMENT ON TYPE c IS 'x';
-- case range-added: type r
-- change
CREATE TYPE r AS RANGE (subtype = int);
-- case range-subtype: type r
CREATE TYPE r AS RANGE (subtype = int);
-- instead
CREATE TYPE r AS RANGE (subtype = bigint);
-- case range-diff: type r
CREATE TYPE r AS RANGE (subtype = float8);
-- instead
CREATE TYPE r AS RANGE (subtype = float8, subtype_diff = float8mi);
-- case range-collation: type r
CREATE TYPE r AS RANGE (subtype = text);
-- instead
CREATE TYPE r AS RANGE (subtype = text, collation = "C");
-- case range-opclass: type r
CREATE TYPE r AS RANGE (subtype = text);
-- instead
CREATE TYPE r AS RANGE (subtype = text, subtype_opclass = text_pattern_ops);
-- case range-multirange-name: type r
CREATE TYPE r AS RANGE (subtype = int);
-- instead
CREATE TYPE r AS RANGE (subtype = int, multirange_type_name = many);

-- case collation-added: collation c
-- change
CREATE COLLATION c (provider = libc, locale = 'C');
-- case collation-locale: collation c
CREATE COLLATION c (provider = libc, locale = 'C');
-- instead
CREATE COLLATION c (provider = libc, locale = 'POSIX');
-- case collation-ctype: collation c
CREATE COLLATION c (provider = libc, lc_collate = 'C', lc_ctype = 'C');
-- instead
CREATE COLLATION c (provider = libc, lc_collate = 'C', lc_ctype = 'POSIX');
-- case collation-owner: collation c
CREATE COLLATION c (provider = libc, locale = 'C');
-- change
ALTER COLLATION c OWNER TO writer;
-- case collation-comment: collation c
CREATE COLLATION c (provider = libc, locale = 'C');
-- change
COMMENT ON COLLATION c IS 'x';
-- case conversion-added: conversion c
-- change
CREATE CONVERSION c FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
-- case conversion-default: conversion c
CREATE CONVERSION c FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
-- instead
CREATE DEFAULT CONVERSION c FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
-- case conversion-comment: conversion c
CREATE CONVERSION c FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
-- change
COMMENT ON CONVERSION c IS 'x';
-- case operator-added: operator ===(integer, text)
CREATE FUNCTION f(int, text) RETURNS bool LANGUAGE sql AS 'SELECT true';
-- change
CREATE OPERATOR === (leftarg = int, rightarg = text, function = f);
-- case operator-function: operator ===(integer, text)
CREATE FUNCTION f(int, text) RETURNS bool LANGUAGE sql AS 'SELECT true'; CREATE FUNCTION g(int, text) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR === (leftarg = int, rightarg = text, function = f);
-- change
DROP OPERATOR === (int, text); CREATE OPERATOR === (leftarg = int, rightarg = text, function = g);
-- case operator-commutator: operator ===(integer, integer)
CREATE FUNCTION f(int, int) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR === (leftarg = int, rightarg = int, function = f);
-- instead
CREATE FUNCTION f(int, int) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR === (leftarg = int, rightarg = int, function = f, commutator = ===);
-- case operator-estimator: operator ===(integer, text)
CREATE FUNCTION f(int, text) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR === (leftarg = int, rightarg = text, function = f);
-- change
ALTER OPERATOR === (int, text) SET (RESTRICT = eqsel);
-- case operator-hashes: operator ===(integer, integer)
CREATE FUNCTION f(int, int) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR === (leftarg = int, rightarg = int, function = f, commutator = ===);
-- instead
CREATE FUNCTION f(int, int) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR === (leftarg = int, rightarg = int, function = f, commutator = ===, hashes, merges);
-- case operator-prefix: operator ===(NONE, integer)
CREATE FUNCTION f(int) RETURNS bool LANGUAGE sql AS 'SELECT true';
-- change
CREATE OPERATOR === (rightarg = int, function = f);
-- case operator-comment: operator ===(integer, text)
CREATE FUNCTION f(int, text) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR === (leftarg = int, rightarg = text, function = f);
-- change
COMMENT ON OPERATOR === (int, text) IS 'x';
-- case operator-class-added: operator class c USING btree
-- change
CREATE OPERATOR CLASS c FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int);
-- case operator-class-member: operator class c USING btree
CREATE OPERATOR CLASS c FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int);
-- instead
CREATE OPERATOR CLASS c FOR TYPE int USING btree AS OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 btint4cmp(int, int);
-- case operator-class-comment: operator class c USING btree
CREATE OPERATOR CLASS c FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int);
-- change
COMMENT ON OPERATOR CLASS c USING btree IS 'x';
-- case operator-family-added: operator family f USING btree
-- change
CREATE OPERATOR FAMILY f USING btree;
-- case operator-family-member: operator family f USING btree
CREATE OPERATOR FAMILY f USING btree;
-- change
ALTER OPERATOR FAMILY f USING btree ADD OPERATOR 1 < (int4, int8), FUNCTION 1 btint48cmp(int4, int8);
-- case operator-family-owner: operator family f USING btree
CREATE OPERATOR FAMILY f USING btree;
-- change
ALTER OPERATOR FAMILY f USING btree OWNER TO writer;
-- case text-search-configuration-added: text search configuration c
-- change
CREATE TEXT SEARCH CONFIGURATION c (copy = simple);
-- case text-search-configuration-mapping: text search configuration c
CREATE TEXT SEARCH CONFIGURATION c (copy = simple);
-- change
ALTER TEXT SEARCH CONFIGURATION c ALTER MAPPING FOR word WITH english_stem, simple;
-- case text-search-configuration-dropped-mapping: text search configuration c
CREATE TEXT SEARCH CONFIGURATION c (copy = simple);
-- change
ALTER TEXT SEARCH CONFIGURATION c DROP MAPPING FOR email;
-- case text-search-configuration-owner: text search configuration c
CREATE TEXT SEARCH CONFIGURATION c (copy = simple);
-- change
ALTER TEXT SEARCH CONFIGURATION c OWNER TO writer;
-- case text-search-dictionary-added: text search dictionary c
-- change
CREATE TEXT SEARCH DICTIONARY c (template = simple);
-- case text-search-dictionary-option: text search dictionary c
CREATE TEXT SEARCH DICTIONARY c (template = simple, accept = true);
-- change
ALTER TEXT SEARCH DICTIONARY c (accept = false);
-- case text-search-dictionary-comment: text search dictionary c
CREATE TEXT SEARCH DICTIONARY c (template = simple, accept = true);
-- change
COMMENT ON TEXT SEARCH DICTIONARY c IS 'x';
-- case text-search-parser: text search parser c
CREATE TEXT SEARCH PARSER c (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype);
-- instead
CREATE TEXT SEARCH PARSER c (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype, headline = prsd_headline);
-- case text-search-template: text search template c
CREATE TEXT SEARCH TEMPLATE c (lexize = dsimple_lexize);
-- instead
CREATE TEXT SEARCH TEMPLATE c (init = dsimple_init, lexize = dsimple_lexize);

-- case schema-owner: schema
-- change
ALTER SCHEMA :s OWNER TO writer;
-- case schema-grant: schema
-- change
GRANT USAGE ON SCHEMA :s TO reader;
-- case schema-comment: schema
-- change
COMMENT ON SCHEMA :s IS 'x';
-- case default-privileges-in-schema: default privileges postgres in schema :s on tables
-- change
ALTER DEFAULT PRIVILEGES IN SCHEMA :s GRANT SELECT ON TABLES TO reader;
-- case default-privileges-functions: default privileges postgres in schema :s on functions
-- change
ALTER DEFAULT PRIVILEGES IN SCHEMA :s GRANT EXECUTE ON FUNCTIONS TO reader;
-- case quoted-names: column "Odd.Name"."A ""b"""
CREATE TABLE "Odd.Name" ("A ""b""" int);
-- change
ALTER TABLE "Odd.Name" ALTER "A ""b""" SET NOT NULL;
-- case overloads-comment-on-one: function f(integer)
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'select 1'; CREATE FUNCTION f(text) RETURNS int LANGUAGE sql AS 'select 1'; COMMENT ON FUNCTION f(int) IS 'x';
-- instead
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'select 1'; CREATE FUNCTION f(text) RETURNS int LANGUAGE sql AS 'select 1'; COMMENT ON FUNCTION f(text) IS 'x';
-- case overloads-grant-on-one: function f(integer)
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'select 1'; CREATE FUNCTION f(text) RETURNS int LANGUAGE sql AS 'select 1'; REVOKE EXECUTE ON FUNCTION f(int) FROM PUBLIC;
-- instead
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'select 1'; CREATE FUNCTION f(text) RETURNS int LANGUAGE sql AS 'select 1'; REVOKE EXECUTE ON FUNCTION f(text) FROM PUBLIC;
-- case char-or-char: function f("char")
CREATE FUNCTION f("char") RETURNS int LANGUAGE sql AS 'select 1';
-- instead
CREATE FUNCTION f(char) RETURNS int LANGUAGE sql AS 'select 1';
-- case constraint-trigger-deferrable: trigger t.g
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'; CREATE CONSTRAINT TRIGGER g AFTER INSERT ON t DEFERRABLE FOR EACH ROW EXECUTE FUNCTION f();
-- instead
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'; CREATE CONSTRAINT TRIGGER g AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION f();
-- case constraint-trigger-from: trigger t.g
CREATE TABLE t (a int); CREATE TABLE u (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'; CREATE CONSTRAINT TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
-- instead
CREATE TABLE t (a int); CREATE TABLE u (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'; CREATE CONSTRAINT TRIGGER g AFTER INSERT ON t FROM u FOR EACH ROW EXECUTE FUNCTION f();
-- case trigger-args-quoting: trigger t.g
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'; CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f('a''b', '\', '%s');
-- instead
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'; CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f('a''b', '\', '%%s');
-- case trigger-of-columns: trigger t.g
CREATE TABLE t ("a b" int, c int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'; CREATE TRIGGER g BEFORE UPDATE OF "a b" ON t FOR EACH ROW EXECUTE FUNCTION f();
-- instead
CREATE TABLE t ("a b" int, c int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'; CREATE TRIGGER g BEFORE UPDATE OF c ON t FOR EACH ROW EXECUTE FUNCTION f();
-- case trigger-when-quoted: trigger t.g
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'; CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW WHEN (old.a IS DISTINCT FROM new.a) EXECUTE FUNCTION f();
-- instead
CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'; CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW WHEN (old.* IS DISTINCT FROM new.*) EXECUTE FUNCTION f();
-- case function-config-order: function f()
CREATE FUNCTION f() RETURNS int LANGUAGE sql SET work_mem = '1MB' SET enable_seqscan = off AS 'select 1';
-- instead
CREATE FUNCTION f() RETURNS int LANGUAGE sql SET work_mem = '2MB' SET enable_seqscan = off AS 'select 1';
-- case function-body-whitespace: function f()
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 1';
-- instead
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 1 ';
-- case function-polymorphic: function f(anycompatible)
CREATE FUNCTION f(anyelement) RETURNS anyelement LANGUAGE sql AS 'select $1';
-- instead
CREATE FUNCTION f(anycompatible) RETURNS anycompatible LANGUAGE sql AS 'select $1';
-- case function-out-only: function f()
CREATE FUNCTION f(OUT a int, OUT b text) LANGUAGE sql AS 'select 1, ''x''';
-- instead
CREATE FUNCTION f(OUT a int, OUT c text) LANGUAGE sql AS 'select 1, ''x''';
-- case function-table-arg: function f(t)
CREATE TABLE t (a int); CREATE FUNCTION f(t) RETURNS int LANGUAGE sql AS 'select $1.a';
-- instead
CREATE TABLE t (a int); CREATE FUNCTION f(t[]) RETURNS int LANGUAGE sql AS 'select $1[1].a';
-- case function-dollar-body: function f()
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $x$select '$function$ $1 %s'$x$;
-- instead
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $x$select '$function$ $2 %s'$x$;
-- case function-default-quoted: function f(text)
CREATE FUNCTION f(a text DEFAULT 'x, y') RETURNS text LANGUAGE sql AS 'select $1';
-- instead
CREATE FUNCTION f(a text DEFAULT 'x,y') RETURNS text LANGUAGE sql AS 'select $1';
-- case procedure-vs-out: procedure p()
CREATE PROCEDURE p(OUT a int) LANGUAGE plpgsql AS 'begin a := 1; end';
-- instead
CREATE PROCEDURE p(OUT a text) LANGUAGE plpgsql AS 'begin a := 1; end';
-- case aggregate-arg-name: aggregate a(integer)
CREATE AGGREGATE a(x int) (sfunc = int4pl, stype = int);
-- instead
CREATE AGGREGATE a(y int) (sfunc = int4pl, stype = int);
-- case aggregate-sortop: aggregate a(integer)
CREATE AGGREGATE a(int) (sfunc = int4larger, stype = int, sortop = >);
-- instead
CREATE AGGREGATE a(int) (sfunc = int4larger, stype = int);
-- case aggregate-sspace: aggregate a(integer)
CREATE AGGREGATE a(int) (sfunc = int4larger, stype = int, sspace = 100);
-- instead
CREATE AGGREGATE a(int) (sfunc = int4larger, stype = int);
-- case aggregate-finalmodify: aggregate a(integer)
CREATE AGGREGATE a(int) (sfunc = int4larger, stype = int, finalfunc = int4abs, finalfunc_modify = read_write);
-- instead
CREATE AGGREGATE a(int) (sfunc = int4larger, stype = int, finalfunc = int4abs);
-- case aggregate-star: aggregate a()
CREATE AGGREGATE a(*) (sfunc = int8inc, stype = int8, initcond = '0');
-- instead
CREATE AGGREGATE a(*) (sfunc = int8inc, stype = int8, initcond = '1');
-- case domain-of-domain: type e
CREATE DOMAIN d AS int CHECK (VALUE > 0); CREATE DOMAIN e AS d;
-- instead
CREATE DOMAIN d AS int CHECK (VALUE > 0); CREATE DOMAIN e AS int;
-- case domain-typmod: type d
CREATE DOMAIN d AS numeric(5,2);
-- instead
CREATE DOMAIN d AS numeric(6,2);
-- case domain-array-default: type d
CREATE DOMAIN d AS int[] DEFAULT '{1}';
-- instead
CREATE DOMAIN d AS int[] DEFAULT '{2}';
-- case domain-two-checks-swapped-names: type d
CREATE DOMAIN d AS int CONSTRAINT a CHECK (VALUE > 0) CONSTRAINT b CHECK (VALUE < 9);
-- instead
CREATE DOMAIN d AS int CONSTRAINT b CHECK (VALUE > 0) CONSTRAINT a CHECK (VALUE < 9);
-- case composite-attribute-quoted: type r
CREATE TYPE r AS ("a b" int, "select" text);
-- instead
CREATE TYPE r AS ("a b" int, "select" varchar);
-- case range-subtype-opclass: type r
CREATE TYPE r AS RANGE (subtype = text, collation = "C");
-- instead
CREATE TYPE r AS RANGE (subtype = text, subtype_opclass = text_pattern_ops, collation = "C");
-- case sql-body-quoted: function f()
CREATE TABLE "T.t" ("a b" int); CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT "a b" FROM "T.t"; END;
-- instead
CREATE TABLE "T.t" ("a b" int); CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT max("a b") FROM "T.t"; END;
-- case enum-empty: type e
CREATE TYPE e AS ENUM ();
-- instead
CREATE TYPE e AS ENUM ('');
-- case composite-empty: type c
CREATE TYPE c AS ();
-- instead
CREATE TYPE c AS (a int);
