"""Breaks the shop in one of five ways, to see what a deployment does about it; ``python break.py undo`` takes it back.

    python break.py drop-table               a migration that drops a table
    python break.py drop-column              ... that drops a column
    python break.py wrong-sql                ... that is no valid SQL
    python break.py violating-rows           ... whose constraint existing rows violate
    python break.py failing-postdeploy-gate  a harmless migration, and a gate that fails after it was deployed

Edits drizzle/ and its journal as ``drizzle-kit generate`` would (without its snapshot). The SQL is drizzle-kit's own but for wrong-sql.
"""

import json
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
JOURNAL = HERE / "drizzle/meta/_journal.json"
GATE = HERE / "gates/postdeploy/test_broken.py"

MIGRATIONS = {
    "drop-table": 'DROP TABLE "payments" CASCADE;',
    "drop-column": 'ALTER TABLE "orders" DROP COLUMN "note";',
    "wrong-sql": 'ALTER TABLE "orders" ADD COLUMN "gift" boolen;',
    "violating-rows": (
        'ALTER TABLE "orders" ADD CONSTRAINT "orders_total_minimum" CHECK ("orders"."total" > 100);'
    ),
    "failing-postdeploy-gate": 'ALTER TABLE "orders" ADD COLUMN "delivery_note" text;',
}
FAILING_GATE = '''\
def test_every_order_has_a_delivery_note(dbdeploy_target):
    """Nobody has written one yet: fails once the column is there, and the deployment is rolled back."""
    assert dbdeploy_target.scalar("select count(*) from orders where delivery_note is null") == 0
'''
TAGS = {name: f"0003_{name.replace('-', '_')}" for name in MIGRATIONS}


def undo() -> None:
    journal = json.loads(JOURNAL.read_text())
    for tag in TAGS.values():
        (HERE / f"drizzle/{tag}.sql").unlink(missing_ok=True)
    journal["entries"] = [entry for entry in journal["entries"] if entry["tag"] not in TAGS.values()]
    write(journal)
    GATE.unlink(missing_ok=True)


def add(name: str) -> None:
    journal = json.loads(JOURNAL.read_text())
    entries = journal["entries"]
    when = max(int(time.time() * 1000), entries[-1]["when"] + 1)
    entries.append(
        {"idx": len(entries), "version": "7", "when": when, "tag": TAGS[name], "breakpoints": True}
    )
    (HERE / f"drizzle/{TAGS[name]}.sql").write_text(MIGRATIONS[name])
    write(journal)
    if name == "failing-postdeploy-gate":
        GATE.write_text(FAILING_GATE)


def write(journal: dict) -> None:
    JOURNAL.write_text(json.dumps(journal, indent=2))


if __name__ == "__main__":
    wish = sys.argv[1] if len(sys.argv) == 2 else ""
    if wish not in (*MIGRATIONS, "undo"):
        sys.exit(__doc__)
    undo()
    if wish != "undo":
        add(wish)
        print(f"added drizzle/{TAGS[wish]}.sql; now run: pytest --dbdeploy-env=dev")
