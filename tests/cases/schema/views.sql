-- case views-across-versions: same
CREATE TABLE t (a int PRIMARY KEY, b text, "C d" numeric, e int4range); CREATE TABLE u (a int, x text);
CREATE VIEW plain AS SELECT a, b FROM t;
CREATE VIEW star AS SELECT * FROM t;
CREATE VIEW aliased AS SELECT z.a AS renamed, z."C d" FROM t z WHERE z.b = 'z.a' AND z.b <> 'it''s t.b';
CREATE VIEW joined AS SELECT t.a, u.x FROM t JOIN u ON u.a = t.a;
CREATE VIEW crossed AS SELECT t.a, u.x FROM t, u WHERE t.a = u.a;
CREATE VIEW grouped AS SELECT b, count(*) AS n, sum("C d") FILTER (WHERE a > 1) FROM t GROUP BY b HAVING count(*) > 1 ORDER BY b;
CREATE VIEW sets AS SELECT b, count(*) AS n FROM t GROUP BY ROLLUP (b, a);
CREATE VIEW numbered AS SELECT a, row_number() OVER (PARTITION BY b ORDER BY a DESC) FROM t;
CREATE VIEW named_window AS SELECT a, sum(a) OVER w FROM t WINDOW w AS (ORDER BY a ROWS BETWEEN 1 PRECEDING AND CURRENT ROW);
CREATE VIEW nested AS SELECT s.a FROM (SELECT t.a, t.b FROM t WHERE t.a > 3) s;
CREATE VIEW sublink AS SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a) AND a IN (SELECT a FROM u);
CREATE VIEW scalar AS SELECT a, (SELECT max(u.x) FROM u WHERE u.a = t.a) AS m FROM t;
CREATE VIEW cte AS WITH w AS (SELECT a FROM t), v AS MATERIALIZED (SELECT a FROM w) SELECT a FROM v;
CREATE VIEW united AS SELECT a FROM t UNION ALL SELECT a FROM u EXCEPT SELECT 1;
CREATE VIEW listed AS VALUES (1, 'a'), (2, 'b');
CREATE VIEW series AS SELECT g FROM generate_series(1, 3) g;
CREATE VIEW columns_of AS SELECT x.a, x.b FROM json_to_recordset('[]') AS x(a int, b text);
CREATE VIEW whole AS SELECT t AS row, t.a FROM t;
CREATE VIEW counted AS SELECT count(t.*) FROM t;
CREATE VIEW ordered AS SELECT a AS b, b AS a FROM t ORDER BY t.a, b LIMIT 3;
CREATE VIEW once AS SELECT DISTINCT ON (b) b, a FROM t ORDER BY b, a;
CREATE VIEW cases AS SELECT CASE a WHEN 1 THEN 'one' ELSE coalesce(b, 'none') END AS c, a::text || b AS d, nullif(a, 1) FROM t;
CREATE VIEW lateral_one AS SELECT t.a, l.x FROM t, LATERAL (SELECT u.x FROM u WHERE u.a = t.a LIMIT 1) l;
CREATE VIEW ranges AS SELECT lower(e) AS l, e && int4range(1, 5) AS o, upper_inf(e) FROM t;
CREATE VIEW sampled AS SELECT a FROM t TABLESAMPLE bernoulli (10);
CREATE VIEW ones AS SELECT a FROM ONLY t;
CREATE VIEW usings AS SELECT a, b, x FROM t LEFT JOIN u USING (a);
CREATE VIEW times AS SELECT CURRENT_DATE AS d, now() AT TIME ZONE 'UTC' AS n, extract(year FROM now()) AS y, interval '1 day' AS i;
CREATE VIEW arrays AS SELECT ARRAY[a, 2] AS l, (ARRAY[a])[1] AS f, a = ANY (ARRAY[1, 2]) AS y, string_agg(b, ',' ORDER BY a) FROM t GROUP BY a;
CREATE VIEW over_view AS SELECT a FROM plain WHERE b LIKE 'x%';
CREATE MATERIALIZED VIEW kept AS SELECT b, max(a) AS m FROM t GROUP BY b;
CREATE RECURSIVE VIEW counting (n) AS SELECT 1 UNION ALL SELECT n + 1 FROM counting WHERE n < 9;
CREATE FUNCTION f(i int) RETURNS SETOF text BEGIN ATOMIC SELECT b FROM t WHERE a = i; END;
CREATE POLICY p ON t USING (a IN (SELECT a FROM u WHERE x = b)); CREATE RULE r AS ON DELETE TO u DO INSTEAD UPDATE u SET x = 'gone' WHERE a = OLD.a;
-- change
SELECT 1;
-- case matview-replica-identity: materialized view m
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;
-- change
ALTER MATERIALIZED VIEW m REPLICA IDENTITY FULL;
-- case view-column-grant-by-another: view column v.a
GRANT USAGE ON SCHEMA :s TO reader;
CREATE VIEW v AS SELECT 1 AS a; GRANT SELECT (a) ON v TO reader WITH GRANT OPTION; GRANT SELECT (a) ON v TO writer;
-- change
REVOKE SELECT (a) ON v FROM writer; SET ROLE reader; GRANT SELECT (a) ON v TO writer; RESET ROLE;
-- case policy-for-a-role-called-public: policy t.p
CREATE TABLE t (a int); CREATE POLICY p ON t TO PUBLIC USING (true);
-- instead
CREATE TABLE t (a int); CREATE POLICY p ON t TO "PUBLIC" USING (true);
-- case view-column-renamed: view v
CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t;
-- change
ALTER VIEW v RENAME a TO b;
-- case view-order-by-collation: view v
CREATE TABLE t (a text); CREATE VIEW v AS SELECT a FROM t ORDER BY a;
-- instead
CREATE TABLE t (a text); CREATE VIEW v AS SELECT a FROM t ORDER BY a COLLATE "C";
-- case view-whole-row: view v
CREATE TABLE t (a text); CREATE VIEW v AS SELECT t FROM t;
-- instead
CREATE TABLE t (a text); CREATE VIEW v AS SELECT a AS t FROM t;
-- case view-cte-materialized: view v
CREATE TABLE t (a int); CREATE VIEW v AS WITH x AS (SELECT a FROM t) SELECT a FROM x;
-- instead
CREATE TABLE t (a int); CREATE VIEW v AS WITH x AS MATERIALIZED (SELECT a FROM t) SELECT a FROM x;
-- case view-quoted-alias: view v
CREATE TABLE t (a int); CREATE VIEW v AS SELECT a AS "A.b" FROM t;
-- instead
CREATE TABLE t (a int); CREATE VIEW v AS SELECT a AS "A b" FROM t;
-- case view-string-literal: view v
CREATE VIEW v AS SELECT 'a.b "x" ''y'''::text AS a;
-- instead
CREATE VIEW v AS SELECT 'a.b "x" ''z'''::text AS a;
-- case view-literal-looks-like-table: view v
CREATE TABLE t (a text); CREATE VIEW v AS SELECT a FROM t WHERE a <> 't.a';
-- instead
CREATE TABLE t (a text); CREATE VIEW v AS SELECT a FROM t WHERE a <> 'a';
-- case view-circular-rule: rule v.r
CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t; CREATE RULE r AS ON INSERT TO v DO INSTEAD INSERT INTO t VALUES (new.a);
-- instead
CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t; CREATE RULE r AS ON INSERT TO v DO ALSO INSERT INTO t VALUES (new.a);
-- case rule-several-actions: rule t.r
CREATE TABLE t (a int); CREATE TABLE u (a int); CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO u VALUES (1); NOTIFY x);
-- instead
CREATE TABLE t (a int); CREATE TABLE u (a int); CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO u VALUES (2); NOTIFY x);
-- case rule-always: rule t.r
CREATE TABLE t (a int); CREATE RULE r AS ON INSERT TO t DO ALSO NOTIFY x;
-- change
ALTER TABLE t ENABLE ALWAYS RULE r;
-- case rule-name-quoted: rule t."R.r"
CREATE TABLE t (a int); CREATE RULE "R.r" AS ON DELETE TO t DO INSTEAD NOTHING;
-- instead
CREATE TABLE t (a int); CREATE RULE "R.r" AS ON DELETE TO t WHERE old.a > 1 DO INSTEAD NOTHING;
-- case policy-subselect: policy t.p
CREATE TABLE t (a int); CREATE TABLE u (a int); CREATE POLICY p ON t USING (EXISTS (SELECT FROM u WHERE u.a = t.a));
-- instead
CREATE TABLE t (a int); CREATE TABLE u (a int); CREATE POLICY p ON t USING (EXISTS (SELECT FROM u WHERE u.a > t.a));
-- case policy-name-only: policy t.p
CREATE TABLE t (a int); CREATE POLICY p ON t USING (a = 1);
-- change
ALTER POLICY p ON t RENAME TO q;
-- case matview-column-options: view column v.b
CREATE MATERIALIZED VIEW v AS SELECT 1 AS a, 'x'::text AS b;
-- change
ALTER MATERIALIZED VIEW v ALTER b SET (n_distinct = 4); ALTER MATERIALIZED VIEW v ALTER b SET COMPRESSION pglz;
-- case matview-column-comment: view column v.a
CREATE MATERIALIZED VIEW v AS SELECT 1 AS a;
-- change
COMMENT ON COLUMN v.a IS 'x';
