"""Two databases whose rows are compared, in tests."""

from __future__ import annotations

from contextlib import ExitStack

from pytest_dbdeploy.compare.reader import Reader
from pytest_dbdeploy.compare.relations import read_catalogue
from pytest_dbdeploy.compare.row_pair import Side
from pytest_dbdeploy.compare.row_tables import compare_tables
from pytest_dbdeploy.db.connect import connect


def open_side(stack: ExitStack, label, url, connections=2):
    reader = stack.enter_context(
        Reader(label, lambda: connect(url, purpose="compare rows", read_only=True), connections)
    )
    return Side(reader, reader.submit(read_catalogue).result())


def compare(first, other, *tables, mode="checksum", equality="value"):
    """{table: TableResult} of two URLs; without ``tables`` of all of them."""
    with ExitStack() as stack:
        sides = [open_side(stack, label, url) for label, url in (("a", first), ("b", other))]
        names = tables or sorted(
            {n for s in sides for n, r in s.catalogue.relations.items() if not r.partition}
        )
        found = compare_tables(sides, names, mode=mode, equality=equality, tell=lambda text: None)
    return {table: result for table, (result,) in found.items()}
