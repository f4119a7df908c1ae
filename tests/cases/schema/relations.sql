-- case table-added: table t
-- change
CREATE TABLE t (a int);
-- case table-removed: table t
CREATE TABLE t (a int, b text);
-- change
DROP TABLE t;
-- case table-unlogged: table t
CREATE TABLE t (a int);
-- change
ALTER TABLE t SET UNLOGGED;
-- case table-fillfactor: table t
CREATE TABLE t (a int);
-- change
ALTER TABLE t SET (fillfactor = 70);
-- case table-autovacuum: table t
CREATE TABLE t (a int) WITH (autovacuum_enabled = on);
-- change
ALTER TABLE t RESET (autovacuum_enabled);
-- case table-toast-option: table t
CREATE TABLE t (a text);
-- change
ALTER TABLE t SET (toast.autovacuum_vacuum_threshold = 99);
-- case table-replica-identity-full: table t
CREATE TABLE t (a int);
-- change
ALTER TABLE t REPLICA IDENTITY FULL;
-- case table-replica-identity-nothing: table t
CREATE TABLE t (a int);
-- change
ALTER TABLE t REPLICA IDENTITY NOTHING;
-- case table-replica-identity-index: table t
CREATE TABLE t (a int NOT NULL, b int NOT NULL); CREATE UNIQUE INDEX i ON t (a); CREATE UNIQUE INDEX j ON t (b);
ALTER TABLE t REPLICA IDENTITY USING INDEX i;
-- change
ALTER TABLE t REPLICA IDENTITY USING INDEX j;
-- case table-rls: table t
CREATE TABLE t (a int);
-- change
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
-- case table-rls-forced: table t
CREATE TABLE t (a int); ALTER TABLE t ENABLE ROW LEVEL SECURITY;
-- change
ALTER TABLE t FORCE ROW LEVEL SECURITY;
-- case table-owner: table t
CREATE TABLE t (a int);
-- change
ALTER TABLE t OWNER TO writer;
-- case table-grant: table t
CREATE TABLE t (a int);
-- change
GRANT SELECT ON t TO reader;
-- case table-grant-option: table t
CREATE TABLE t (a int); GRANT SELECT ON t TO reader;
-- change
GRANT SELECT ON t TO reader WITH GRANT OPTION;
-- case table-grant-public: table t
CREATE TABLE t (a int);
-- change
GRANT INSERT ON t TO PUBLIC;
-- case table-grant-by-another: table t
GRANT USAGE ON SCHEMA :s TO reader;
CREATE TABLE t (a int); GRANT SELECT ON t TO reader WITH GRANT OPTION; GRANT SELECT ON t TO writer;
-- change
REVOKE SELECT ON t FROM writer; SET ROLE reader; GRANT SELECT ON t TO writer; RESET ROLE;
-- case table-revoke-from-owner: table t
CREATE TABLE t (a int);
-- change
REVOKE TRUNCATE ON t FROM CURRENT_USER;
-- case table-revoke-all: table t
CREATE TABLE t (a int);
-- change
REVOKE ALL ON t FROM CURRENT_USER;
-- case table-maintain: table t [17]
CREATE TABLE t (a int);
-- change
GRANT MAINTAIN ON t TO reader;
-- case table-comment: table t
CREATE TABLE t (a int);
-- change
COMMENT ON TABLE t IS 'a table';
-- case table-inherits: table c
CREATE TABLE p (a int); CREATE TABLE c (a int);
-- change
ALTER TABLE c INHERIT p;
-- case table-inherits-order: table c
CREATE TABLE p (a int); CREATE TABLE q (a int); CREATE TABLE c () INHERITS (p, q);
-- instead
CREATE TABLE p (a int); CREATE TABLE q (a int); CREATE TABLE c () INHERITS (q, p);
-- case table-of-type: table t
CREATE TYPE ty AS (a int); CREATE TABLE t (a int);
-- change
ALTER TABLE t OF ty;
-- case table-renamed: table u
CREATE TABLE t (a int);
-- change
ALTER TABLE t RENAME TO u;
-- case partition-key: table t
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
-- instead
CREATE TABLE t (a int, b int) PARTITION BY RANGE (b);
-- case partition-strategy: table t
CREATE TABLE t (a int) PARTITION BY LIST (a);
-- instead
CREATE TABLE t (a int) PARTITION BY HASH (a);
-- case partition-key-opclass: table t
CREATE TABLE t (a text) PARTITION BY RANGE (a);
-- instead
CREATE TABLE t (a text) PARTITION BY RANGE (a text_pattern_ops);
-- case partition-key-collation: table t
CREATE TABLE t (a text) PARTITION BY RANGE (a);
-- instead
CREATE TABLE t (a text) PARTITION BY RANGE (a COLLATE "C");
-- case partition-bound: table t1
CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (1) TO (5);
-- instead
CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (1) TO (6);
-- case partition-detached: table t1
CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (1) TO (5);
-- change
ALTER TABLE t DETACH PARTITION t1;
-- case partition-default: table t1
CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
-- instead
CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t DEFAULT;
-- case partition-own-grant: table t1
CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t DEFAULT;
-- change
GRANT SELECT ON t1 TO reader;
-- case partition-own-default: column t1.a
CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t DEFAULT;
-- change
ALTER TABLE t1 ALTER a SET DEFAULT 4;
-- case partition-index-not-attached: index t1_a
CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t DEFAULT;
CREATE INDEX t_a ON ONLY t (a); CREATE INDEX t1_a ON t1 (a);
-- change
ALTER INDEX t_a ATTACH PARTITION t1_a;

-- case column-added: column t.b
CREATE TABLE t (a int);
-- change
ALTER TABLE t ADD b int;
-- case column-removed: column t.b
CREATE TABLE t (a int, b int, c int);
-- change
ALTER TABLE t DROP b;
-- case column-renamed: column t.c
CREATE TABLE t (a int, b int);
-- change
ALTER TABLE t RENAME b TO c;
-- case column-order: column t.a
CREATE TABLE t (a int, b int);
-- instead
CREATE TABLE t (b int, a int);
-- case column-type: column t.a
CREATE TABLE t (a int);
-- change
ALTER TABLE t ALTER a TYPE bigint;
-- case column-typmod: column t.a
CREATE TABLE t (a varchar(5));
-- change
ALTER TABLE t ALTER a TYPE varchar(6);
-- case column-numeric-scale: column t.a
CREATE TABLE t (a numeric(10,2));
-- change
ALTER TABLE t ALTER a TYPE numeric(10,3);
-- case column-timestamp-precision: column t.a
CREATE TABLE t (a timestamp(3));
-- change
ALTER TABLE t ALTER a TYPE timestamp(6);
-- case column-time-zone: column t.a
CREATE TABLE t (a timestamp);
-- change
ALTER TABLE t ALTER a TYPE timestamptz;
-- case column-array: column t.a
CREATE TABLE t (a int[]);
-- change
ALTER TABLE t ALTER a TYPE bigint[];
-- case column-interval-fields: column t.a
CREATE TABLE t (a interval);
-- change
ALTER TABLE t ALTER a TYPE interval day to second;
-- case column-char-text: column t.a
CREATE TABLE t (a char(3));
-- change
ALTER TABLE t ALTER a TYPE varchar(3);
-- case column-collation: column t.a
CREATE TABLE t (a text);
-- change
ALTER TABLE t ALTER a TYPE text COLLATE "C";
-- case column-default: column t.a
CREATE TABLE t (a int DEFAULT 1);
-- change
ALTER TABLE t ALTER a SET DEFAULT 2;
-- case column-default-removed: column t.a
CREATE TABLE t (a int DEFAULT 1);
-- change
ALTER TABLE t ALTER a DROP DEFAULT;
-- case column-default-function: column t.a
CREATE TABLE t (a timestamptz DEFAULT now());
-- change
ALTER TABLE t ALTER a SET DEFAULT clock_timestamp();
-- case column-default-type: column t.a
CREATE TABLE t (a text DEFAULT '1');
-- change
ALTER TABLE t ALTER a SET DEFAULT '1'::varchar;
-- case column-not-null: column t.a
CREATE TABLE t (a int);
-- change
ALTER TABLE t ALTER a SET NOT NULL;
-- case column-nullable: column t.a
CREATE TABLE t (a int NOT NULL);
-- change
ALTER TABLE t ALTER a DROP NOT NULL;
-- case column-not-null-name: column t.a [18]
CREATE TABLE t (a int NOT NULL);
-- instead
CREATE TABLE t (a int CONSTRAINT must NOT NULL);
-- case column-not-null-no-inherit: column t.a [18]
CREATE TABLE t (a int NOT NULL);
-- instead
CREATE TABLE t (a int NOT NULL NO INHERIT);
-- case column-not-null-not-valid: column t.a [18]
CREATE TABLE t (a int);
-- change
ALTER TABLE t ADD CONSTRAINT t_a_not_null NOT NULL a NOT VALID;
-- case column-not-null-comment: column t.a [18]
CREATE TABLE t (a int NOT NULL);
-- change
COMMENT ON CONSTRAINT t_a_not_null ON t IS 'x';
-- case column-identity-added: column t.a
CREATE TABLE t (a int NOT NULL);
-- change
ALTER TABLE t ALTER a ADD GENERATED ALWAYS AS IDENTITY;
-- case column-identity-kind: column t.a
CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY);
-- change
ALTER TABLE t ALTER a SET GENERATED BY DEFAULT;
-- case column-identity-dropped: column t.a
CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY);
-- change
ALTER TABLE t ALTER a DROP IDENTITY;
-- case column-identity-increment: column t.a
CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY);
-- change
ALTER TABLE t ALTER a SET INCREMENT 10;
-- case column-identity-start: column t.a
CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY);
-- change
ALTER TABLE t ALTER a SET START 10;
-- case column-identity-limits: column t.a
CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY);
-- change
ALTER TABLE t ALTER a SET MAXVALUE 1000 SET CACHE 5 SET CYCLE;
-- case column-identity-sequence-name: column t.a
CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY);
-- instead
CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME other));
-- case column-identity-sequence-grant: column t.a
CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY);
-- change
GRANT USAGE ON SEQUENCE t_a_seq TO reader;
-- case column-identity-sequence-comment: column t.a
CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY);
-- change
COMMENT ON SEQUENCE t_a_seq IS 'x';
-- case column-generated: column t.b
CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a * 2) STORED);
-- instead
CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a * 3) STORED);
-- case column-generated-dropped: column t.b
CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a * 2) STORED);
-- change
ALTER TABLE t ALTER b DROP EXPRESSION;
-- case column-generated-or-default: column t.b
CREATE TABLE t (a int, b int GENERATED ALWAYS AS (2) STORED);
-- instead
CREATE TABLE t (a int, b int DEFAULT 2);
-- case column-virtual: column t.b [18]
CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a * 2) STORED);
-- instead
CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a * 2) VIRTUAL);
-- case column-storage: column t.a
CREATE TABLE t (a text);
-- change
ALTER TABLE t ALTER a SET STORAGE EXTERNAL;
-- case column-compression: column t.a
CREATE TABLE t (a text);
-- change
ALTER TABLE t ALTER a SET COMPRESSION pglz;
-- case column-statistics: column t.a
CREATE TABLE t (a int);
-- change
ALTER TABLE t ALTER a SET STATISTICS 500;
-- case column-statistics-zero: column t.a
CREATE TABLE t (a int);
-- change
ALTER TABLE t ALTER a SET STATISTICS 0;
-- case column-n-distinct: column t.a
CREATE TABLE t (a int);
-- change
ALTER TABLE t ALTER a SET (n_distinct = -0.5);
-- case column-grant: column t.a
CREATE TABLE t (a int, b int);
-- change
GRANT UPDATE (a) ON t TO writer;
-- case column-grant-option: column t.a
CREATE TABLE t (a int, b int); GRANT UPDATE (a) ON t TO writer;
-- change
GRANT UPDATE (a) ON t TO writer WITH GRANT OPTION;
-- case column-comment: column t.a
CREATE TABLE t (a int);
-- change
COMMENT ON COLUMN t.a IS 'the a';
-- case column-comment-changed: column t.a
CREATE TABLE t (a int); COMMENT ON COLUMN t.a IS 'the a';
-- change
COMMENT ON COLUMN t.a IS 'the A';
-- case column-order-beside-inherited: column c.x
CREATE TABLE p (a int); CREATE TABLE c (x int, y int) INHERITS (p);
-- instead
CREATE TABLE p (a int); CREATE TABLE c (y int, x int) INHERITS (p);
-- case column-order-of-partition: column c.a
CREATE TABLE p (a int, b int) PARTITION BY LIST (a); CREATE TABLE c (a int, b int); ALTER TABLE p ATTACH PARTITION c DEFAULT;
-- instead
CREATE TABLE p (a int, b int) PARTITION BY LIST (a); CREATE TABLE c (b int, a int); ALTER TABLE p ATTACH PARTITION c DEFAULT;
-- case column-inherited: column c.a
CREATE TABLE p (a int); CREATE TABLE c () INHERITS (p);
-- instead
CREATE TABLE p (a int); CREATE TABLE c (a int) INHERITS (p);
-- case column-domain: column t.a
CREATE DOMAIN d AS int; CREATE TABLE t (a int);
-- change
ALTER TABLE t ALTER a TYPE d;

-- case constraint-primary-key: constraint t.t_pkey
CREATE TABLE t (a int NOT NULL);
-- change
ALTER TABLE t ADD PRIMARY KEY (a);
-- case constraint-primary-key-order: constraint t.t_pkey
CREATE TABLE t (a int, b int, PRIMARY KEY (a, b));
-- instead
CREATE TABLE t (a int, b int, PRIMARY KEY (b, a));
-- case constraint-unique: constraint t.t_a_key
CREATE TABLE t (a int);
-- change
ALTER TABLE t ADD UNIQUE (a);
-- case constraint-nulls-not-distinct: constraint t.u
CREATE TABLE t (a int, CONSTRAINT u UNIQUE (a));
-- instead
CREATE TABLE t (a int, CONSTRAINT u UNIQUE NULLS NOT DISTINCT (a));
-- case constraint-include: constraint t.u
CREATE TABLE t (a int, b int, CONSTRAINT u UNIQUE (a));
-- instead
CREATE TABLE t (a int, b int, CONSTRAINT u UNIQUE (a) INCLUDE (b));
-- case constraint-unique-or-index: constraint t.u
CREATE TABLE t (a int); CREATE UNIQUE INDEX u ON t (a);
-- change
ALTER TABLE t ADD CONSTRAINT u UNIQUE USING INDEX u;
-- case constraint-deferrable: constraint t.u
CREATE TABLE t (a int, CONSTRAINT u UNIQUE (a));
-- instead
CREATE TABLE t (a int, CONSTRAINT u UNIQUE (a) DEFERRABLE);
-- case constraint-fillfactor: constraint t.u
CREATE TABLE t (a int, CONSTRAINT u UNIQUE (a));
-- change
ALTER INDEX u SET (fillfactor = 60);
-- case constraint-clustered: constraint t.u
CREATE TABLE t (a int, CONSTRAINT u UNIQUE (a));
-- change
ALTER TABLE t CLUSTER ON u;
-- case constraint-index-comment: constraint t.u
CREATE TABLE t (a int, CONSTRAINT u UNIQUE (a));
-- change
COMMENT ON INDEX u IS 'x';
-- case constraint-without-overlaps: constraint t.u [18]
CREATE TABLE t (a int4range, b int4range, CONSTRAINT u UNIQUE (a, b));
-- instead
CREATE TABLE t (a int4range, b int4range, CONSTRAINT u UNIQUE (a, b WITHOUT OVERLAPS));
-- case constraint-check: constraint t.c
CREATE TABLE t (a int, CONSTRAINT c CHECK (a > 0));
-- instead
CREATE TABLE t (a int, CONSTRAINT c CHECK (a >= 0));
-- case constraint-check-removed: constraint t.c
CREATE TABLE t (a int, CONSTRAINT c CHECK (a > 0));
-- change
ALTER TABLE t DROP CONSTRAINT c;
-- case constraint-check-not-valid: constraint t.c
CREATE TABLE t (a int, CONSTRAINT c CHECK (a > 0));
-- instead
CREATE TABLE t (a int); ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;
-- case constraint-check-no-inherit: constraint t.c
CREATE TABLE t (a int, CONSTRAINT c CHECK (a > 0));
-- instead
CREATE TABLE t (a int, CONSTRAINT c CHECK (a > 0) NO INHERIT);
-- case constraint-check-not-enforced: constraint t.c [18]
CREATE TABLE t (a int, CONSTRAINT c CHECK (a > 0));
-- instead
CREATE TABLE t (a int, CONSTRAINT c CHECK (a > 0) NOT ENFORCED);
-- case constraint-renamed: constraint t.c
CREATE TABLE t (a int, CONSTRAINT c CHECK (a > 0));
-- change
ALTER TABLE t RENAME CONSTRAINT c TO d;
-- case constraint-comment: constraint t.c
CREATE TABLE t (a int, CONSTRAINT c CHECK (a > 0));
-- change
COMMENT ON CONSTRAINT c ON t IS 'x';
-- case constraint-foreign-key: constraint c.f
CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE c (a int);
-- change
ALTER TABLE c ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES t;
-- case constraint-on-delete: constraint c.f
CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE c (a int CONSTRAINT f REFERENCES t);
-- instead
CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE c (a int CONSTRAINT f REFERENCES t ON DELETE CASCADE);
-- case constraint-on-update: constraint c.f
CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE c (a int CONSTRAINT f REFERENCES t ON UPDATE RESTRICT);
-- instead
CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE c (a int CONSTRAINT f REFERENCES t ON UPDATE SET NULL);
-- case constraint-set-null-columns: constraint c.f
CREATE TABLE t (a int, b int, PRIMARY KEY (a, b));
CREATE TABLE c (a int, b int, CONSTRAINT f FOREIGN KEY (a, b) REFERENCES t ON DELETE SET NULL);
-- instead
CREATE TABLE t (a int, b int, PRIMARY KEY (a, b));
CREATE TABLE c (a int, b int, CONSTRAINT f FOREIGN KEY (a, b) REFERENCES t ON DELETE SET NULL (b));
-- case constraint-match-full: constraint c.f
CREATE TABLE t (a int, b int, PRIMARY KEY (a, b));
CREATE TABLE c (a int, b int, CONSTRAINT f FOREIGN KEY (a, b) REFERENCES t);
-- instead
CREATE TABLE t (a int, b int, PRIMARY KEY (a, b));
CREATE TABLE c (a int, b int, CONSTRAINT f FOREIGN KEY (a, b) REFERENCES t MATCH FULL);
-- case constraint-initially-deferred: constraint c.f
CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE c (a int CONSTRAINT f REFERENCES t DEFERRABLE);
-- change
ALTER TABLE c ALTER CONSTRAINT f DEFERRABLE INITIALLY DEFERRED;
-- case constraint-foreign-key-not-valid: constraint c.f
CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE c (a int); ALTER TABLE c ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES t NOT VALID;
-- change
ALTER TABLE c VALIDATE CONSTRAINT f;
-- case constraint-foreign-key-not-enforced: constraint c.f [18]
CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE c (a int CONSTRAINT f REFERENCES t);
-- change
ALTER TABLE c ALTER CONSTRAINT f NOT ENFORCED;
-- case constraint-foreign-key-target: constraint c.f
CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE u (a int PRIMARY KEY); CREATE TABLE c (a int CONSTRAINT f REFERENCES t);
-- instead
CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE u (a int PRIMARY KEY); CREATE TABLE c (a int CONSTRAINT f REFERENCES u);
-- case constraint-exclude: constraint t.x
CREATE TABLE t (a int4range, CONSTRAINT x EXCLUDE USING gist (a WITH &&));
-- instead
CREATE TABLE t (a int4range, CONSTRAINT x EXCLUDE USING gist (a WITH =));
-- case constraint-exclude-predicate: constraint t.x
CREATE TABLE t (a int4range, CONSTRAINT x EXCLUDE USING gist (a WITH &&));
-- instead
CREATE TABLE t (a int4range, CONSTRAINT x EXCLUDE USING gist (a WITH &&) WHERE (NOT isempty(a)));
-- case constraint-on-partition: constraint t1.c
CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t DEFAULT;
-- change
ALTER TABLE t1 ADD CONSTRAINT c CHECK (a > 0);

-- case index-added: index i
CREATE TABLE t (a int);
-- change
CREATE INDEX i ON t (a);
-- case index-unique: index i
CREATE TABLE t (a int); CREATE INDEX i ON t (a);
-- change
DROP INDEX i; CREATE UNIQUE INDEX i ON t (a);
-- case index-method: index i
CREATE TABLE t (a int); CREATE INDEX i ON t (a);
-- change
DROP INDEX i; CREATE INDEX i ON t USING hash (a);
-- case index-columns: index i
CREATE TABLE t (a int, b int); CREATE INDEX i ON t (a, b);
-- change
DROP INDEX i; CREATE INDEX i ON t (b, a);
-- case index-order: index i
CREATE TABLE t (a int); CREATE INDEX i ON t (a);
-- change
DROP INDEX i; CREATE INDEX i ON t (a DESC);
-- case index-nulls: index i
CREATE TABLE t (a int); CREATE INDEX i ON t (a);
-- change
DROP INDEX i; CREATE INDEX i ON t (a NULLS FIRST);
-- case index-opclass: index i
CREATE TABLE t (a text); CREATE INDEX i ON t (a);
-- change
DROP INDEX i; CREATE INDEX i ON t (a text_pattern_ops);
-- case index-opclass-options: index i
CREATE TABLE t (a tsvector); CREATE INDEX i ON t USING gist (a);
-- change
DROP INDEX i; CREATE INDEX i ON t USING gist (a tsvector_ops (siglen = 100));
-- case index-collation: index i
CREATE TABLE t (a text); CREATE INDEX i ON t (a);
-- change
DROP INDEX i; CREATE INDEX i ON t (a COLLATE "C");
-- case index-include: index i
CREATE TABLE t (a int, b int); CREATE INDEX i ON t (a);
-- change
DROP INDEX i; CREATE INDEX i ON t (a) INCLUDE (b);
-- case index-predicate: index i
CREATE TABLE t (a int); CREATE INDEX i ON t (a) WHERE a > 1;
-- change
DROP INDEX i; CREATE INDEX i ON t (a) WHERE a > 2;
-- case index-expression: index i
CREATE TABLE t (a text); CREATE INDEX i ON t (lower(a));
-- change
DROP INDEX i; CREATE INDEX i ON t (upper(a));
-- case index-nulls-not-distinct: index i
CREATE TABLE t (a int); CREATE UNIQUE INDEX i ON t (a);
-- change
DROP INDEX i; CREATE UNIQUE INDEX i ON t (a) NULLS NOT DISTINCT;
-- case index-fillfactor: index i
CREATE TABLE t (a int); CREATE INDEX i ON t (a);
-- change
ALTER INDEX i SET (fillfactor = 60);
-- case index-gin-option: index i
CREATE TABLE t (a int[]); CREATE INDEX i ON t USING gin (a);
-- change
ALTER INDEX i SET (fastupdate = off);
-- case index-brin-option: index i
CREATE TABLE t (a int); CREATE INDEX i ON t USING brin (a);
-- change
DROP INDEX i; CREATE INDEX i ON t USING brin (a) WITH (pages_per_range = 16);
-- case index-clustered: index i
CREATE TABLE t (a int); CREATE INDEX i ON t (a);
-- change
ALTER TABLE t CLUSTER ON i;
-- case index-statistics: index i
CREATE TABLE t (a int); CREATE INDEX i ON t ((a + 1));
-- change
ALTER INDEX i ALTER COLUMN 1 SET STATISTICS 77;
-- case index-renamed: index i
CREATE TABLE t (a int); CREATE INDEX i ON t (a);
-- change
ALTER INDEX i RENAME TO j;
-- case index-comment: index i
CREATE TABLE t (a int); CREATE INDEX i ON t (a);
-- change
COMMENT ON INDEX i IS 'x';
-- case index-invalid: index i
CREATE TABLE t (a int); CREATE INDEX i ON t (a);
-- change
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass;
-- case index-depends-on-extension: index i
CREATE TABLE t (a int); CREATE INDEX i ON t (a);
-- change
ALTER INDEX i DEPENDS ON EXTENSION plpgsql;

-- case sequence-added: sequence s
-- change
CREATE SEQUENCE s;
-- case sequence-increment: sequence s
CREATE SEQUENCE s;
-- change
ALTER SEQUENCE s INCREMENT 3;
-- case sequence-start: sequence s
CREATE SEQUENCE s;
-- change
ALTER SEQUENCE s START 30;
-- case sequence-minimum: sequence s
CREATE SEQUENCE s;
-- change
ALTER SEQUENCE s MINVALUE -5;
-- case sequence-maximum: sequence s
CREATE SEQUENCE s;
-- change
ALTER SEQUENCE s MAXVALUE 500;
-- case sequence-cache: sequence s
CREATE SEQUENCE s;
-- change
ALTER SEQUENCE s CACHE 5;
-- case sequence-cycle: sequence s
CREATE SEQUENCE s;
-- change
ALTER SEQUENCE s CYCLE;
-- case sequence-type: sequence s
CREATE SEQUENCE s MAXVALUE 100;
-- change
ALTER SEQUENCE s AS int;
-- case sequence-owned: sequence s
CREATE SEQUENCE s; CREATE TABLE t (a int);
-- change
ALTER SEQUENCE s OWNED BY t.a;
-- case sequence-unlogged: sequence s
CREATE SEQUENCE s;
-- change
ALTER SEQUENCE s SET UNLOGGED;
-- case sequence-grant: sequence s
CREATE SEQUENCE s;
-- change
GRANT USAGE ON SEQUENCE s TO reader;
-- case sequence-owner: sequence s
CREATE SEQUENCE s;
-- change
ALTER SEQUENCE s OWNER TO writer;
-- case sequence-comment: sequence s
CREATE SEQUENCE s;
-- change
COMMENT ON SEQUENCE s IS 'x';
-- case serial-or-identity: column t.a
CREATE TABLE t (a serial);
-- instead
CREATE TABLE t (a int GENERATED BY DEFAULT AS IDENTITY);

-- case view-added: view v
-- change
CREATE VIEW v AS SELECT 1 AS a;
-- case view-body: view v
CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t;
-- change
CREATE OR REPLACE VIEW v AS SELECT a FROM t WHERE a > 1;
-- case view-security-barrier: view v
CREATE VIEW v AS SELECT 1 AS a;
-- change
ALTER VIEW v SET (security_barrier);
-- case view-security-invoker: view v
CREATE VIEW v AS SELECT 1 AS a;
-- change
ALTER VIEW v SET (security_invoker = true);
-- case view-check-option: view v
CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t WHERE a > 1;
-- change
CREATE OR REPLACE VIEW v AS SELECT a FROM t WHERE a > 1 WITH LOCAL CHECK OPTION;
-- case view-check-option-cascaded: view v
CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t WHERE a > 1 WITH LOCAL CHECK OPTION;
-- change
CREATE OR REPLACE VIEW v AS SELECT a FROM t WHERE a > 1 WITH CASCADED CHECK OPTION;
-- case view-owner: view v
CREATE VIEW v AS SELECT 1 AS a;
-- change
ALTER VIEW v OWNER TO writer;
-- case view-grant: view v
CREATE VIEW v AS SELECT 1 AS a;
-- change
GRANT SELECT ON v TO reader;
-- case view-comment: view v
CREATE VIEW v AS SELECT 1 AS a;
-- change
COMMENT ON VIEW v IS 'x';
-- case view-column-default: view column v.a
CREATE VIEW v AS SELECT 1 AS a;
-- change
ALTER VIEW v ALTER a SET DEFAULT 7;
-- case view-column-comment: view column v.a
CREATE VIEW v AS SELECT 1 AS a;
-- change
COMMENT ON COLUMN v.a IS 'x';
-- case view-column-grant: view column v.a
CREATE VIEW v AS SELECT 1 AS a, 2 AS b;
-- change
GRANT SELECT (a) ON v TO reader;
-- case view-recursive: view v
CREATE RECURSIVE VIEW v (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM v WHERE n < 5;
-- instead
CREATE RECURSIVE VIEW v (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM v WHERE n < 6;
-- case matview-body: materialized view m
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;
-- instead
CREATE MATERIALIZED VIEW m AS SELECT 2 AS a;
-- case matview-populated: materialized view m [unseen]
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;
-- change
REFRESH MATERIALIZED VIEW m WITH NO DATA;
-- case matview-option: materialized view m
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;
-- change
ALTER MATERIALIZED VIEW m SET (fillfactor = 50);
-- case matview-toast-option: materialized view m
CREATE MATERIALIZED VIEW m AS SELECT 'x'::text AS a;
-- change
ALTER MATERIALIZED VIEW m SET (toast.autovacuum_enabled = off);
-- case matview-index: index i
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;
-- change
CREATE INDEX i ON m (a);
-- case matview-column-statistics: view column m.a
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;
-- change
ALTER MATERIALIZED VIEW m ALTER a SET STATISTICS 5;
-- case matview-column-storage: view column m.a
CREATE MATERIALIZED VIEW m AS SELECT 'x'::text AS a;
-- change
ALTER MATERIALIZED VIEW m ALTER a SET STORAGE MAIN;
-- case matview-clustered: index i
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a; CREATE INDEX i ON m (a);
-- change
ALTER MATERIALIZED VIEW m CLUSTER ON i;
-- case matview-depends-on-extension: materialized view m
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;
-- change
ALTER MATERIALIZED VIEW m DEPENDS ON EXTENSION plpgsql;
-- case view-or-matview: materialized view v
CREATE VIEW v AS SELECT 1 AS a;
-- instead
CREATE MATERIALIZED VIEW v AS SELECT 1 AS a;

-- case rule-added: rule t.r
CREATE TABLE t (a int);
-- change
CREATE RULE r AS ON INSERT TO t DO NOTHING;
-- case rule-instead: rule t.r
CREATE TABLE t (a int); CREATE RULE r AS ON INSERT TO t DO ALSO SELECT 1;
-- change
CREATE OR REPLACE RULE r AS ON INSERT TO t DO INSTEAD SELECT 1;
-- case rule-disabled: rule t.r
CREATE TABLE t (a int); CREATE RULE r AS ON INSERT TO t DO NOTHING;
-- change
ALTER TABLE t DISABLE RULE r;
-- case rule-comment: rule t.r
CREATE TABLE t (a int); CREATE RULE r AS ON INSERT TO t DO NOTHING;
-- change
COMMENT ON RULE r ON t IS 'x';
-- case policy-added: policy t.p
CREATE TABLE t (a int);
-- change
CREATE POLICY p ON t USING (a > 0);
-- case policy-using: policy t.p
CREATE TABLE t (a int); CREATE POLICY p ON t USING (a > 0);
-- change
ALTER POLICY p ON t USING (a > 1);
-- case policy-check: policy t.p
CREATE TABLE t (a int); CREATE POLICY p ON t USING (a > 0);
-- change
ALTER POLICY p ON t WITH CHECK (a > 1);
-- case policy-roles: policy t.p
CREATE TABLE t (a int); CREATE POLICY p ON t USING (a > 0);
-- change
ALTER POLICY p ON t TO reader;
-- case policy-restrictive: policy t.p
CREATE TABLE t (a int); CREATE POLICY p ON t USING (a > 0);
-- instead
CREATE TABLE t (a int); CREATE POLICY p ON t AS RESTRICTIVE USING (a > 0);
-- case policy-command: policy t.p
CREATE TABLE t (a int); CREATE POLICY p ON t USING (a > 0);
-- instead
CREATE TABLE t (a int); CREATE POLICY p ON t FOR SELECT USING (a > 0);
-- case policy-comment: policy t.p
CREATE TABLE t (a int); CREATE POLICY p ON t USING (a > 0);
-- change
COMMENT ON POLICY p ON t IS 'x';
-- case statistics-added: statistics s
CREATE TABLE t (a int, b int);
-- change
CREATE STATISTICS s ON a, b FROM t;
-- case statistics-kinds: statistics s
CREATE TABLE t (a int, b int); CREATE STATISTICS s (ndistinct) ON a, b FROM t;
-- instead
CREATE TABLE t (a int, b int); CREATE STATISTICS s (mcv) ON a, b FROM t;
-- case statistics-expression: statistics s
CREATE TABLE t (a int, b int); CREATE STATISTICS s ON (a + 1) FROM t;
-- instead
CREATE TABLE t (a int, b int); CREATE STATISTICS s ON (a + 2) FROM t;
-- case statistics-target: statistics s
CREATE TABLE t (a int, b int); CREATE STATISTICS s ON a, b FROM t;
-- change
ALTER STATISTICS s SET STATISTICS 50;
-- case statistics-owner: statistics s
CREATE TABLE t (a int, b int); CREATE STATISTICS s ON a, b FROM t;
-- change
ALTER STATISTICS s OWNER TO writer;
-- case system-column-privileges: privileges table column t.ctid
CREATE TABLE t (a int);
-- change
GRANT SELECT (ctid) ON t TO reader;
-- case column-identity-sequence-logged: column t.a
CREATE UNLOGGED TABLE t (a int GENERATED ALWAYS AS IDENTITY);
-- change
ALTER SEQUENCE t_a_seq SET LOGGED;
-- case column-grant-by-another: column t.a
GRANT USAGE ON SCHEMA :s TO reader;
CREATE TABLE t (a int); GRANT SELECT (a) ON t TO reader WITH GRANT OPTION; GRANT SELECT (a) ON t TO writer;
-- change
REVOKE SELECT (a) ON t FROM writer; SET ROLE reader; GRANT SELECT (a) ON t TO writer; RESET ROLE;
-- case column-identity-sequence-grant-by-another: column t.a
GRANT USAGE ON SCHEMA :s TO reader;
CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY); GRANT USAGE ON SEQUENCE t_a_seq TO reader WITH GRANT OPTION; GRANT USAGE ON SEQUENCE t_a_seq TO writer;
-- change
REVOKE USAGE ON SEQUENCE t_a_seq FROM writer; SET ROLE reader; GRANT USAGE ON SEQUENCE t_a_seq TO writer; RESET ROLE;
-- case table-grant-to-a-role-called-public: table t
CREATE TABLE t (a int); GRANT SELECT ON t TO PUBLIC;
-- instead
CREATE TABLE t (a int); GRANT SELECT ON t TO "PUBLIC";
-- case column-grant-to-a-role-called-public: column t.a
CREATE TABLE t (a int); GRANT SELECT (a) ON t TO PUBLIC;
-- instead
CREATE TABLE t (a int); GRANT SELECT (a) ON t TO "PUBLIC";
-- case inherit-default-override: column c.a
CREATE TABLE p (a int DEFAULT 1); CREATE TABLE c () INHERITS (p);
-- change
ALTER TABLE c ALTER a SET DEFAULT 2;
-- case inherit-default-dropped: column c.a
CREATE TABLE p (a int DEFAULT 1); CREATE TABLE c () INHERITS (p);
-- change
ALTER TABLE c ALTER a DROP DEFAULT;
-- case inherit-not-null-local: column c.a
CREATE TABLE p (a int); CREATE TABLE c () INHERITS (p);
-- change
ALTER TABLE c ALTER a SET NOT NULL;
-- case inherit-column-local: column c.a
CREATE TABLE p (a int); CREATE TABLE c () INHERITS (p);
-- instead
CREATE TABLE p (a int); CREATE TABLE c (a int) INHERITS (p);
-- case inherit-check-local: constraint c.k
CREATE TABLE p (a int CONSTRAINT k CHECK (a > 0)); CREATE TABLE c () INHERITS (p);
-- instead
CREATE TABLE p (a int CONSTRAINT k CHECK (a > 0)); CREATE TABLE c (CONSTRAINT k CHECK (a > 0)) INHERITS (p);
-- case inherit-check-only-child: constraint c.k
CREATE TABLE p (a int); CREATE TABLE c () INHERITS (p); ALTER TABLE p ADD CONSTRAINT k CHECK (a > 0);
-- instead
CREATE TABLE p (a int); CREATE TABLE c () INHERITS (p); ALTER TABLE c ADD CONSTRAINT k CHECK (a > 0);
-- case inherit-no-longer: table c
CREATE TABLE p (a int); CREATE TABLE c (b int) INHERITS (p);
-- change
ALTER TABLE c NO INHERIT p;
-- case inherit-column-comment: column c.a
CREATE TABLE p (a text); CREATE TABLE c () INHERITS (p);
-- change
COMMENT ON COLUMN c.a IS 'x';
-- case inherit-column-grant: column c.a
CREATE TABLE p (a text); CREATE TABLE c () INHERITS (p);
-- change
GRANT SELECT (a) ON c TO reader;
-- case typed-table-option: column t.a
CREATE TYPE ty AS (a int, b text); CREATE TABLE t OF ty;
-- instead
CREATE TYPE ty AS (a int, b text); CREATE TABLE t OF ty (a WITH OPTIONS DEFAULT 4 NOT NULL);
-- case typed-table-pk: column t.a
CREATE TYPE ty AS (a int, b text); CREATE TABLE t OF ty;
-- instead
CREATE TYPE ty AS (a int, b text); CREATE TABLE t OF ty (PRIMARY KEY (a));
-- case no-columns: column t.a
CREATE TABLE t ();
-- instead
CREATE TABLE t (a int);
-- case sub-partition-bound: table t1a
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (1) TO (9) PARTITION BY LIST (b); CREATE TABLE t1a PARTITION OF t1 FOR VALUES IN (1, 2);
-- instead
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (1) TO (9) PARTITION BY LIST (b); CREATE TABLE t1a PARTITION OF t1 FOR VALUES IN (1, 3);
-- case sub-partition-index: index i
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (1) TO (9) PARTITION BY LIST (b); CREATE TABLE t1a PARTITION OF t1 FOR VALUES IN (1, 2); CREATE INDEX i ON ONLY t (a); CREATE INDEX i1 ON ONLY t1 (a); CREATE INDEX i1a ON t1a (a); ALTER INDEX i1 ATTACH PARTITION i1a;
-- change
ALTER INDEX i ATTACH PARTITION i1;
-- case partition-own-check: constraint t1.t1_a_check
CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
-- change
ALTER TABLE t1 ADD CHECK (a < 5);
-- case partition-own-fk: constraint t1.t1_a_fkey
CREATE TABLE r (a int PRIMARY KEY); CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
-- change
ALTER TABLE t1 ADD FOREIGN KEY (a) REFERENCES r;
-- case partition-fk-on-parent: constraint t.fk
CREATE TABLE r (a int PRIMARY KEY); CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); ALTER TABLE t1 ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES r;
-- instead
CREATE TABLE r (a int PRIMARY KEY); CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES r;
-- case partition-fk-detached: table t1
CREATE TABLE r (a int PRIMARY KEY); CREATE TABLE t (a int REFERENCES r) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
-- change
ALTER TABLE t DETACH PARTITION t1;
-- case partition-own-rls: table t1
CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
-- change
ALTER TABLE t1 ENABLE ROW LEVEL SECURITY;
-- case partition-own-options: table t1
CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
-- change
ALTER TABLE t1 SET (fillfactor = 50);
-- case partition-own-owner: table t1
CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
-- change
ALTER TABLE t1 OWNER TO writer;
-- case partition-own-not-null: column t1.a
CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
-- change
ALTER TABLE t1 ALTER a SET NOT NULL;
-- case partition-own-column-storage: column t1.b
CREATE TABLE t (a int, b text) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
-- change
ALTER TABLE t1 ALTER b SET STORAGE EXTERNAL;
-- case partition-own-statistics-target: column t1.b
CREATE TABLE t (a int, b text) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
-- change
ALTER TABLE t1 ALTER b SET STATISTICS 7;
-- case partition-own-default-dropped: column t1.a
CREATE TABLE t (a int DEFAULT 1) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
-- change
ALTER TABLE t1 ALTER a DROP DEFAULT;
-- case partition-index-comment: index t1_a_idx
CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE INDEX i ON t (a);
-- change
COMMENT ON INDEX t1_a_idx IS 'x';
-- case partition-own-trigger: trigger t1.g
CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end';
-- change
CREATE TRIGGER g AFTER INSERT ON t1 FOR EACH ROW EXECUTE FUNCTION f();
-- case partition-hash-bound: table t1
CREATE TABLE t (a int) PARTITION BY HASH (a); CREATE TABLE t1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0);
-- instead
CREATE TABLE t (a int) PARTITION BY HASH (a); CREATE TABLE t1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1);
-- case partition-expression-key: table t
CREATE TABLE t (a int, b text) PARTITION BY RANGE ((a + 1), lower(b));
-- instead
CREATE TABLE t (a int, b text) PARTITION BY RANGE ((a + 1), upper(b));
-- case partition-parent-other: table t1
CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE u (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
-- instead
CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE u (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF u FOR VALUES IN (1);
-- case partition-null-bound: table t1
CREATE TABLE t (a text) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (NULL, 'x');
-- instead
CREATE TABLE t (a text) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN ('NULL', 'x');
-- case partition-minvalue: table t1
CREATE TABLE t (a date, b int) PARTITION BY RANGE (a, b); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (MINVALUE, MINVALUE) TO ('2020-01-01', 5);
-- instead
CREATE TABLE t (a date, b int) PARTITION BY RANGE (a, b); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('1900-01-01', MINVALUE) TO ('2020-01-01', 5);
-- case partition-timestamptz-bound: table t1
CREATE TABLE t (a timestamptz) PARTITION BY RANGE (a); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2021-01-01 00:00+00');
-- instead
CREATE TABLE t (a timestamptz) PARTITION BY RANGE (a); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2020-01-01 00:00+01') TO ('2021-01-01 00:00+00');
-- case partition-column-order: column t1.a
CREATE TABLE t (a int, b int) PARTITION BY LIST (a); CREATE TABLE t1 (b int, a int); ALTER TABLE t ATTACH PARTITION t1 FOR VALUES IN (1);
-- instead
CREATE TABLE t (a int, b int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
-- case constraint-fk-deferrable-altered: constraint t.t_a_fkey
CREATE TABLE r (a int PRIMARY KEY); CREATE TABLE t (a int REFERENCES r);
-- change
ALTER TABLE t ALTER CONSTRAINT t_a_fkey DEFERRABLE INITIALLY DEFERRED;
-- case constraint-fk-column-order: constraint t.f
CREATE TABLE r (a int, b int, PRIMARY KEY (a, b)); CREATE TABLE t (a int, b int, CONSTRAINT f FOREIGN KEY (a, b) REFERENCES r (a, b));
-- instead
CREATE TABLE r (a int, b int, PRIMARY KEY (a, b)); CREATE TABLE t (a int, b int, CONSTRAINT f FOREIGN KEY (b, a) REFERENCES r (b, a));
-- case constraint-fk-self: constraint t.f
CREATE TABLE t (a int PRIMARY KEY, b int CONSTRAINT f REFERENCES t);
-- instead
CREATE TABLE t (a int PRIMARY KEY, b int);
-- case constraint-fk-to-unique-index: constraint t.f
CREATE TABLE r (a int PRIMARY KEY, b int UNIQUE); CREATE TABLE t (a int CONSTRAINT f REFERENCES r (a));
-- instead
CREATE TABLE r (a int PRIMARY KEY, b int UNIQUE); CREATE TABLE t (a int CONSTRAINT f REFERENCES r (b));
-- case constraint-exclude-opclass: constraint t.t_a_excl
CREATE TABLE t (a text, EXCLUDE USING btree (a WITH =));
-- instead
CREATE TABLE t (a text, EXCLUDE USING btree (a text_pattern_ops WITH =));
-- case constraint-exclude-deferrable: constraint t.e
CREATE TABLE t (a int, CONSTRAINT e EXCLUDE USING btree (a WITH =));
-- instead
CREATE TABLE t (a int, CONSTRAINT e EXCLUDE USING btree (a WITH =) DEFERRABLE);
-- case constraint-pk-replica-identity: table t
CREATE TABLE t (a int PRIMARY KEY, b int NOT NULL UNIQUE);
-- change
ALTER TABLE t REPLICA IDENTITY USING INDEX t_b_key;
-- case constraint-swap-names: constraint t.x
CREATE TABLE t (a int CONSTRAINT x CHECK (a > 0) CONSTRAINT y CHECK (a < 9));
-- instead
CREATE TABLE t (a int CONSTRAINT y CHECK (a > 0) CONSTRAINT x CHECK (a < 9));
-- case check-row-compare: constraint t.t_check
CREATE TABLE t (a int, b int, CHECK ((a, b) > (1, 2)));
-- instead
CREATE TABLE t (a int, b int, CHECK ((a, b) >= (1, 2)));
-- case index-expression-quoted: index i
CREATE TABLE t ("A" text, a text); CREATE INDEX i ON t (lower("A"));
-- instead
CREATE TABLE t ("A" text, a text); CREATE INDEX i ON t (lower(a));
-- case index-partial-quoted: index i
CREATE TABLE t ("A" text, a text); CREATE INDEX i ON t (a) WHERE "A" IS NULL;
-- instead
CREATE TABLE t ("A" text, a text); CREATE INDEX i ON t (a) WHERE a IS NULL;
-- case index-include-quoted: index i
CREATE TABLE t (a int, "b.c" int); CREATE UNIQUE INDEX i ON t (a) INCLUDE ("b.c");
-- instead
CREATE TABLE t (a int, "b.c" int); CREATE UNIQUE INDEX i ON t (a);
-- case index-dedup: index i
CREATE TABLE t (a int); CREATE INDEX i ON t (a) WITH (deduplicate_items = off);
-- instead
CREATE TABLE t (a int); CREATE INDEX i ON t (a);
-- case index-swap-names: index x
CREATE TABLE t (a int, b int); CREATE INDEX x ON t (a); CREATE INDEX y ON t (b);
-- instead
CREATE TABLE t (a int, b int); CREATE INDEX y ON t (a); CREATE INDEX x ON t (b);
-- case columns-swap-names: column t.a
CREATE TABLE t (a int, b text);
-- instead
CREATE TABLE t (b int, a text);
-- case name-63: column ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt.ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
CREATE TABLE ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt (ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc int CHECK (ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc > 0) UNIQUE);
-- change
ALTER TABLE ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt ALTER ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc SET NOT NULL;
-- case column-default-timezone: column t.a
CREATE TABLE t (a timestamptz DEFAULT '2020-01-01 00:00+00');
-- instead
CREATE TABLE t (a timestamptz DEFAULT '2020-01-01 01:00+00');
-- case column-default-float: column t.a
CREATE TABLE t (a float8 DEFAULT 0.1);
-- instead
CREATE TABLE t (a float8 DEFAULT 0.10000000000000002);
-- case column-default-bytea: column t.a
CREATE TABLE t (a bytea DEFAULT '\x00');
-- instead
CREATE TABLE t (a bytea DEFAULT '\x01');
-- case column-bit: column t.a
CREATE TABLE t (a bit(3));
-- instead
CREATE TABLE t (a bit varying(3));
-- case column-type-varchar-collate: column t.a
CREATE TABLE t (a varchar(5) COLLATE "C");
-- instead
CREATE TABLE t (a varchar(5) COLLATE "POSIX");
-- case column-domain-collation: column t.a
CREATE DOMAIN d AS text COLLATE "C"; CREATE TABLE t (a d);
-- instead
CREATE DOMAIN d AS text COLLATE "C"; CREATE TABLE t (a d COLLATE "POSIX");
-- case identity-set-start: column t.a
CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY);
-- change
ALTER TABLE t ALTER a SET START 50;
-- case serial-seq-owner-type: sequence t_a_seq
CREATE TABLE t (a smallserial);
-- instead
CREATE TABLE t (a smallint NOT NULL); CREATE SEQUENCE t_a_seq AS integer OWNED BY t.a; ALTER TABLE t ALTER a SET DEFAULT nextval('t_a_seq');
-- case serial-not-owned: sequence t_a_seq
CREATE TABLE t (a serial);
-- change
ALTER SEQUENCE t_a_seq OWNED BY NONE;
-- case sequence-owned-other-column: sequence s
CREATE TABLE t (a int, b int); CREATE SEQUENCE s OWNED BY t.a;
-- instead
CREATE TABLE t (a int, b int); CREATE SEQUENCE s OWNED BY t.b;
-- case grant-all-columns-vs-table: table t
CREATE TABLE t (a int, b int); GRANT SELECT ON t TO reader;
-- instead
CREATE TABLE t (a int, b int); GRANT SELECT (a, b) ON t TO reader;
-- case grant-references-column: column t.a
CREATE TABLE t (a int, b int); GRANT REFERENCES (a) ON t TO reader;
-- instead
CREATE TABLE t (a int, b int); GRANT REFERENCES (b) ON t TO reader;
-- case default-enum-label-renamed: type e
CREATE TYPE e AS ENUM ('a', 'b'); CREATE TABLE t (a e DEFAULT 'a');
-- change
ALTER TYPE e RENAME VALUE 'a' TO 'c';
-- case generated-column-renamed-source: column t.a
CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a * 2) STORED);
-- change
ALTER TABLE t RENAME a TO c;
-- case table-user-catalog: table t
CREATE TABLE t (a int) WITH (user_catalog_table = true);
-- instead
CREATE TABLE t (a int);
-- case toast-options-partition: table t1
CREATE TABLE t (a int, b text) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
-- change
ALTER TABLE t1 SET (toast.autovacuum_enabled = false);
-- case nn-child-named: column c.a [18]
CREATE TABLE p (a int CONSTRAINT x NOT NULL); CREATE TABLE c () INHERITS (p);
-- instead
CREATE TABLE p (a int CONSTRAINT x NOT NULL); CREATE TABLE c (a int CONSTRAINT y NOT NULL) INHERITS (p);
-- case nn-no-inherit: column t.a [18]
CREATE TABLE t (a int CONSTRAINT x NOT NULL NO INHERIT);
-- instead
CREATE TABLE t (a int CONSTRAINT x NOT NULL);
-- case nn-inherit-altered: column t.a [18]
CREATE TABLE t (a int CONSTRAINT x NOT NULL NO INHERIT);
-- change
ALTER TABLE t ALTER CONSTRAINT x INHERIT;
-- case nn-partition-not-valid: column c.b [18]
CREATE TABLE p (a int, b int) PARTITION BY LIST (a); CREATE TABLE c PARTITION OF p FOR VALUES IN (1); ALTER TABLE p ADD CONSTRAINT x NOT NULL b NOT VALID;
-- change
ALTER TABLE c VALIDATE CONSTRAINT x;
-- case not-enforced-child: constraint c.c [18]
CREATE TABLE p (a int, CONSTRAINT c CHECK (a > 0) NOT ENFORCED); CREATE TABLE c () INHERITS (p);
-- instead
CREATE TABLE p (a int, CONSTRAINT c CHECK (a > 0) NOT ENFORCED); CREATE TABLE c (CONSTRAINT c CHECK (a > 0)) INHERITS (p);
-- case virtual-expression: column t.b [18]
CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a + 1) VIRTUAL);
-- instead
CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a + 2) VIRTUAL);
-- case virtual-or-stored: column t.b [18]
CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a + 1) VIRTUAL);
-- instead
CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a + 1) STORED);
-- case temporal-fk: constraint u.f [18]
CREATE TABLE t (a int4range, p daterange, PRIMARY KEY (a, p WITHOUT OVERLAPS)); CREATE TABLE u (a int4range, p daterange, CONSTRAINT f FOREIGN KEY (a, PERIOD p) REFERENCES t (a, PERIOD p));
-- instead
CREATE TABLE t (a int4range, p daterange, PRIMARY KEY (a, p WITHOUT OVERLAPS)); CREATE TABLE u (a int4range, p daterange);
