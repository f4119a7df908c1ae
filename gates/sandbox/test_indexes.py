"""Do the migrations leave an index that PostgreSQL does not use?"""

import pytest

INVALID = """
    select quote_ident(n.nspname) || '.' || quote_ident(x.relname) as name,
           quote_ident(tn.nspname) || '.' || quote_ident(t.relname) as table
    from pg_index i
    join pg_class x on x.oid = i.indexrelid
    join pg_class t on t.oid = i.indrelid
    join pg_namespace n on n.oid = x.relnamespace
    join pg_namespace tn on tn.oid = t.relnamespace
    where not i.indisvalid and left(n.nspname, 3) <> 'pg_'
    order by 1
"""


def test_no_invalid_index_is_left(dbdeploy_sandbox):
    before = {row["name"] for row in dbdeploy_sandbox.before.fetch(INVALID)}
    found = [row for row in dbdeploy_sandbox.after.fetch(INVALID) if row["name"] not in before]
    if found:
        lines = [
            f"index {row['name']} on {row['table']} is invalid: no query uses it, and every write pays for it"
            for row in found
        ]
        pytest.fail(
            "\n".join(lines)
            + "\nA CREATE INDEX CONCURRENTLY that fails leaves such an index, and IF NOT EXISTS then skips it: drop it "
            "(DROP INDEX CONCURRENTLY) and build it again. On a partitioned table, attach an index of every partition.",
            pytrace=False,
        )
