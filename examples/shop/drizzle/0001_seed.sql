-- Custom SQL migration file, put your code below! --
-- The shop's past: the same rows wherever it runs, so that environments can be compared.
INSERT INTO "customers" ("id", "email", "name", "created_at")
SELECT n, 'customer' || n || '@example.com', 'Customer ' || n, timestamptz '2024-01-01 00:00:00+00' + n * interval '1 hour'
FROM generate_series(1, 10000) AS n;
--> statement-breakpoint
INSERT INTO "products" ("id", "sku", "title", "price", "stock")
SELECT n, 'SKU-' || lpad(n::text, 5, '0'), 'Product ' || n, 4.99 + n % 90, n % 50
FROM generate_series(1, 1000) AS n;
--> statement-breakpoint
INSERT INTO "orders" ("id", "customer_id", "status", "total", "note", "created_at")
SELECT o, 1 + o * 7 % 10000,
	(CASE WHEN o % 10 < 3 THEN 'open' WHEN o % 10 < 5 THEN 'paid' WHEN o % 10 < 9 THEN 'shipped' ELSE 'cancelled' END)::"order_status",
	sum((1 + (o + line) % 3) * (4.99 + (1 + (o * 13 + line * 101) % 1000) % 90)),
	CASE WHEN o % 20 = 0 THEN 'Please ring twice' END,
	timestamptz '2025-01-01 00:00:00+00' + o * interval '5 minutes'
FROM generate_series(1, 40000) AS o, generate_series(1, 1 + o % 2) AS line
GROUP BY o;
--> statement-breakpoint
INSERT INTO "order_items" ("order_id", "line", "product_id", "quantity", "price")
SELECT o, line, 1 + (o * 13 + line * 101) % 1000, 1 + (o + line) % 3, 4.99 + (1 + (o * 13 + line * 101) % 1000) % 90
FROM generate_series(1, 40000) AS o, generate_series(1, 1 + o % 2) AS line;
--> statement-breakpoint
INSERT INTO "payments" ("id", "order_id", "method", "amount", "paid_at")
SELECT row_number() OVER (ORDER BY "id"), "id",
	(ARRAY['card', 'transfer', 'voucher'])[1 + "id" % 3]::"payment_method", "total", "created_at" + interval '1 hour'
FROM "orders" WHERE "status" IN ('paid', 'shipped');
--> statement-breakpoint
SELECT setval(pg_get_serial_sequence('public.' || name, 'id'), top)
FROM (VALUES ('customers', 10000), ('products', 1000), ('orders', 40000), ('payments', 24000)) AS seeded (name, top);
