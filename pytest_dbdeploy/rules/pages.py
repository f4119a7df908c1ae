"""The documentation pages of rules: docs/rules/<rule>.md is the docstring of the rule's file, and how to let it pass.

``python -m pytest_dbdeploy.rules.pages docs/rules`` writes them.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from .base import NOT_IN_A_FILE, Rule
from .registry import find_rules

_COMMENT = """In the migration itself, anywhere in the file:

```sql
-- dbdeploy: allow {rule} {example} (why)
```

or in"""

_PASS = """## To let it pass

{where} `dbdeploy.yaml`:

```yaml
acknowledge:
  - {{rule: {rule}, object: {example}, migration: "0007_*", reason: why, until: 2027-01-31}}
```

`object` is what the finding names, or a glob. To change what the rule does for a whole environment: `policy: {{{rule}: {other}}}` (or `ignore`).
"""

_INDEX = (
    "What the migrations do to the clone is judged by these rules; each is a gate `dbdeploy/sandbox/test_rules.py::test_rule[<rule>]`.",
    "`policy` in `dbdeploy.yaml` sets what a rule does: `block`, `warn` or `ignore`. A finding that is meant is acknowledged, see the rule's page.",
    "Only what the pending migrations make worse counts, and nothing that happens to what they make themselves.",
)


def page(rule: Rule) -> str:
    """The page of a rule, in Markdown."""
    module = importlib.import_module(f"{__package__}.{rule.name.replace('-', '_')}")
    first, _, rest = (module.__doc__ or "").strip().partition("\n\n")
    other = "warn" if rule.default == "block" else "block"
    example = rule.example.replace(", ", ",")
    where = "In" if rule.name in NOT_IN_A_FILE else _COMMENT.format(rule=rule.name, example=example)
    end = _PASS.format(where=where, rule=rule.name, example=example, other=other)
    return f"# {rule.name}\n\n{first} Default: `{rule.default}`.\n\n{rest}\n\n{end}"


def index() -> str:
    """The list of all rules, in Markdown."""
    lines = [f"| [{r.name}]({r.name}.md) | `{r.default}` | {r.summary} |" for r in find_rules().values()]
    return "\n".join(["# Rules", "", *_INDEX, "", "| rule | default | finds |", "|---|---|---|", *lines, ""])


if __name__ == "__main__":
    Path(sys.argv[1], "README.md").write_text(index(), encoding="utf-8")
    for name, one in find_rules().items():
        Path(sys.argv[1], f"{name}.md").write_text(page(one), encoding="utf-8")
