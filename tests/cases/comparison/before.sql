-- At least one object of every kind that the comparison knows. Needs a superuser, and the roles reader and writer.
COMMENT ON SCHEMA public IS 'ours';
CREATE SCHEMA shop;
CREATE SCHEMA "Odd.Names";
CREATE EXTENSION IF NOT EXISTS plpgsql;

CREATE COLLATION shop.plain (provider = libc, locale = 'C');
CREATE TYPE shop.mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN shop.email AS text DEFAULT 'a@b' CONSTRAINT has_at CHECK (VALUE ~ '@');
CREATE TYPE shop.address AS (street text, zip varchar(10));
CREATE TYPE shop.period AS RANGE (subtype = timestamp, subtype_diff = pg_catalog.tsrange_subdiff);
CREATE SEQUENCE shop.numbers AS integer START 5 INCREMENT 2 MAXVALUE 1000 CACHE 3;

CREATE TABLE public.users (
    id bigint GENERATED ALWAYS AS IDENTITY (START WITH 10) PRIMARY KEY,
    name text COLLATE "C" NOT NULL,
    email shop.email,
    mood shop.mood DEFAULT 'ok',
    born timestamptz DEFAULT '2020-01-01 12:00:00+00',
    slug text GENERATED ALWAYS AS (lower(name)) STORED,
    balance numeric(10,2) DEFAULT 0.1
);
CREATE TABLE public.orders (
    id serial PRIMARY KEY,
    user_id bigint REFERENCES public.users ON DELETE CASCADE,
    total numeric CONSTRAINT positive CHECK (total > 0),
    code text UNIQUE DEFERRABLE,
    span tsrange,
    EXCLUDE USING gist (span WITH &&)
);
ALTER TABLE public.orders ADD CONSTRAINT later CHECK (code <> '') NOT VALID;
CREATE INDEX orders_total ON public.orders (total DESC NULLS LAST) INCLUDE (code) WHERE total > 10;
CREATE INDEX orders_lower ON public.orders (lower(code), total);
COMMENT ON COLUMN public.orders.total IS 'in euros';
CREATE TABLE public.parent (a int NOT NULL);
CREATE TABLE public.child (b int) INHERITS (public.parent);
CREATE TABLE public.events (id int NOT NULL, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE public.events_2024 PARTITION OF public.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE public.events_rest PARTITION OF public.events DEFAULT;
CREATE INDEX events_at ON public.events (at);
CREATE TABLE public.refers (id int, at date, FOREIGN KEY (id, at) REFERENCES public.events);
CREATE TABLE "Odd.Names"."Table ""x""" ("Column.1" int PRIMARY KEY, "select" text);

CREATE VIEW public.rich WITH (security_barrier) AS SELECT id, name FROM public.users WHERE balance > 100;
CREATE VIEW public.plain AS SELECT id, total FROM public.orders;
CREATE MATERIALIZED VIEW public.sums AS SELECT user_id, sum(total) AS total FROM public.orders GROUP BY 1;
CREATE UNIQUE INDEX sums_user ON public.sums (user_id);

CREATE FUNCTION shop.double(a integer, b text DEFAULT 'x') RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT a * 2';
CREATE FUNCTION shop.double(a bigint) RETURNS bigint LANGUAGE sql AS 'SELECT a * 2';
CREATE PROCEDURE shop.reset() LANGUAGE sql AS 'DELETE FROM public.orders';
CREATE AGGREGATE shop.total(integer) (sfunc = int4pl, stype = integer, initcond = '0');
CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON public.orders FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE TRIGGER touch_events AFTER INSERT ON public.events FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE FUNCTION shop.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE EVENT TRIGGER watch ON ddl_command_end WHEN TAG IN ('DROP OWNED') EXECUTE FUNCTION shop.on_ddl();
CREATE RULE no_delete AS ON DELETE TO public.parent DO INSTEAD NOTHING;
ALTER TABLE public.users ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON public.users FOR SELECT TO reader USING (name = CURRENT_USER);
CREATE STATISTICS public.users_stats (dependencies) ON name, mood FROM public.users;
CREATE PUBLICATION feed FOR TABLE public.orders (id, total) WHERE (total > 5);

CREATE FOREIGN DATA WRAPPER wrapper OPTIONS (debug 'yes');
CREATE SERVER far FOREIGN DATA WRAPPER wrapper OPTIONS (host 'example.org', password 'hush');
CREATE USER MAPPING FOR reader SERVER far OPTIONS (username 'r', password 'hush');
CREATE FOREIGN TABLE public.remote (id int OPTIONS (column_name 'i'), name text) SERVER far OPTIONS (table_name 't');

GRANT SELECT ON public.orders TO reader;
GRANT UPDATE (name) ON public.users TO writer;
GRANT USAGE ON SCHEMA shop TO reader;
REVOKE EXECUTE ON FUNCTION shop.double(integer, text) FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO reader;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = ''8MB''', current_database()); END $$;
DO $$ BEGIN EXECUTE format('ALTER ROLE reader IN DATABASE %I SET app.secret = ''hush''', current_database()); END $$;
