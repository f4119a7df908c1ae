import { eq, sql } from "drizzle-orm";
import {
  check,
  foreignKey,
  index,
  integer,
  numeric,
  pgEnum,
  pgTable,
  pgView,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
} from "drizzle-orm/pg-core";

export const orderStatus = pgEnum("order_status", ["open", "paid", "shipped", "cancelled"]);
export const paymentMethod = pgEnum("payment_method", ["card", "transfer", "voucher"]);

const createdAt = () => timestamp("created_at", { withTimezone: true }).notNull().defaultNow();
const money = (name: string) => numeric(name, { precision: 12, scale: 2 });

export const customers = pgTable(
  "customers",
  {
    id: integer("id").primaryKey().generatedByDefaultAsIdentity(),
    email: text("email").notNull(),
    name: text("name").notNull(),
    phone: text("phone"),
    createdAt: createdAt(),
  },
  (t) => [uniqueIndex("customers_email_key").on(t.email), index("customers_phone_idx").on(t.phone)],
);

export const products = pgTable(
  "products",
  {
    id: integer("id").primaryKey().generatedByDefaultAsIdentity(),
    sku: text("sku").notNull().unique(),
    title: text("title").notNull(),
    price: money("price").notNull(),
    stock: integer("stock").notNull().default(0),
  },
  (t) => [check("products_price_positive", sql`${t.price} > 0`)],
);

export const orders = pgTable(
  "orders",
  {
    id: integer("id").primaryKey().generatedByDefaultAsIdentity(),
    customerId: integer("customer_id")
      .notNull()
      .references(() => customers.id),
    status: orderStatus("status").notNull().default("open"),
    total: money("total").notNull(),
    note: text("note"),
    createdAt: createdAt(),
  },
  (t) => [index("orders_customer_id_idx").on(t.customerId), index("orders_created_at_idx").on(t.createdAt)],
);

export const orderItems = pgTable(
  "order_items",
  {
    orderId: integer("order_id")
      .notNull()
      .references(() => orders.id, { onDelete: "cascade" }),
    line: integer("line").notNull(),
    productId: integer("product_id").notNull(),
    quantity: integer("quantity").notNull(),
    price: money("price").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.orderId, t.line] }),
    foreignKey({ columns: [t.productId], foreignColumns: [products.id] }),
    index("order_items_product_id_idx").on(t.productId),
    check("order_items_quantity_positive", sql`${t.quantity} > 0`),
  ],
);

export const payments = pgTable(
  "payments",
  {
    id: integer("id").primaryKey().generatedByDefaultAsIdentity(),
    orderId: integer("order_id")
      .notNull()
      .references(() => orders.id),
    method: paymentMethod("method").notNull(),
    amount: money("amount").notNull(),
    paidAt: timestamp("paid_at", { withTimezone: true }).notNull().defaultNow(),
  },
  (t) => [uniqueIndex("payments_order_id_key").on(t.orderId)],
);

export const openOrders = pgView("open_orders").as((qb) =>
  qb
    .select({
      id: orders.id,
      customer: customers.name,
      email: customers.email,
      total: orders.total,
      createdAt: orders.createdAt,
    })
    .from(orders)
    .innerJoin(customers, eq(customers.id, orders.customerId))
    .where(eq(orders.status, "open")),
);
