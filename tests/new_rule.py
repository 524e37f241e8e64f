"""`make rule kind=catalog id=some-fault`: a page and a detector whose example fails until they are written."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = """# The fault as a sentence

```toml
control = "least-privilege-database"
severity = "medium"
cwe = []
tags = []
```

What goes wrong, in two to four sentences.

**Fix.** What to do.

```sql bad: What the rule finds
create table public.notes (id int primary key); -- <- found
```

```sql good: What it leaves alone
create table public.notes (id int primary key);
```
"""
QUERY = """select 'table' as kind, identity, 'ok' as state, 'pg_class'::regclass::oid::bigint as classid,
  oid::bigint as objid
from exposed where kind in ('r', 'p') order by identity
"""
MODULE = '''"""What this rule asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    raise NotImplementedError
'''


def main() -> int:
    if len(sys.argv) != 3 or sys.argv[1] not in {"catalog", "probe", "migration"}:
        sys.stderr.write("make rule kind=catalog|probe|migration id=some-fault\n")
        return 2
    kind, rule = sys.argv[1:]
    folder = ROOT / "rules" / kind
    (folder / f"{rule}.md").write_text(PAGE, "utf-8")
    if kind == "catalog":
        (folder / f"{rule}.sql").write_text(QUERY, "utf-8")
    else:
        (ROOT / "auditor" / "detectors" / kind / f"{rule.replace('-', '_')}.py").write_text(MODULE, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
