ALTER TABLE "customers" ADD COLUMN "phone" text;--> statement-breakpoint
CREATE INDEX "customers_phone_idx" ON "customers" USING btree ("phone");