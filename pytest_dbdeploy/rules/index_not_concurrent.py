"""An index is built on, or dropped from, a table that existed before, without CONCURRENTLY.

## Why it hurts

`CREATE INDEX` blocks writes for as long as it takes; `DROP INDEX` and constraints that build an index block reads as well.

## The safe way

Concurrently, in a migration that runs outside a transaction; a constraint then takes the index over.

```sql
CREATE UNIQUE INDEX CONCURRENTLY users_email ON users (email);
ALTER TABLE users ADD CONSTRAINT users_email UNIQUE USING INDEX users_email;
DROP INDEX CONCURRENTLY users_old;
```

On a partitioned table: `CREATE INDEX ON ONLY` the parent, concurrently on each partition, then `ALTER INDEX ... ATTACH PARTITION`.
"""

from __future__ import annotations

from ..model import Finding, Severity, StatementEvidence
from .base import Rule, Seen, found, place_of
from .locks import held, size


def check(seen: Seen) -> list[Finding]:
    """One finding an index that was made or dropped by a statement that holds its table, which stays."""
    findings = []
    removed = {d.object for e in seen.evidence for d in e.dropped if d.kind == "table"}
    for evidence in seen.evidence:
        tables = [lock.relation for lock in held(evidence) if lock.relation not in evidence.rewritten]
        if not tables and evidence.tag == "DROP INDEX":
            tables = _locked_before(seen, evidence)
        if not tables or (evidence.tag or "").startswith(("DROP TABLE", "DROP SCHEMA")):
            continue
        made = [
            c.object for c in evidence.created if c.kind == "index" and set(tables) & set(evidence.scanned)
        ]
        gone = [
            d.object
            for d in evidence.dropped
            if d.kind == "index" and not d.implicit and not removed.issuperset(tables)
        ]
        for names, doing in ((made, "is built on"), (gone, "is dropped from")):
            for name in names:
                known = size(seen, tables[0])
                message = (
                    f"index {name} {doing} {tables[0]}{f' ({known})' if known else ''} without CONCURRENTLY"
                )
                advice = "CREATE INDEX CONCURRENTLY or DROP INDEX CONCURRENTLY, in a migration that runs outside a transaction."
                findings.append(found(RULE.name, name, message, advice, place_of(evidence)))
    return findings


def _locked_before(seen: Seen, evidence: StatementEvidence) -> list[str]:
    """The tables of dropped indexes that an earlier statement of the transaction had locked already."""
    locked = {lock.relation for lock in evidence.locks}
    gone = {d.object for d in evidence.dropped} & locked
    if "concurrently" in evidence.statement.lower():
        return []
    return [
        str(c.before["table"]) for c in seen.changes if c.object in gone and c.before and "table" in c.before
    ]


RULE = Rule(
    "index-not-concurrent",
    Severity.WARN,
    "an index is built or dropped without CONCURRENTLY",
    check,
    "public.users_email",
)
