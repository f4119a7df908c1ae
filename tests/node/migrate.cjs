// Runs drizzle-orm's own migrate() of the packages in the working directory: node migrate.cjs FOLDER [SCHEMA TABLE]
const { createRequire } = require("node:module");
const load = createRequire(process.cwd() + "/package.json");
const { Client } = load("pg");
const { drizzle } = load("drizzle-orm/node-postgres");
const { migrate } = load("drizzle-orm/node-postgres/migrator");

async function main() {
  const [migrationsFolder, migrationsSchema, migrationsTable] = process.argv.slice(2);
  const client = new Client({ connectionString: process.env.DATABASE_URL });
  await client.connect();
  try {
    await migrate(drizzle({ client }), { migrationsFolder, migrationsSchema, migrationsTable });
  } finally {
    await client.end();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
