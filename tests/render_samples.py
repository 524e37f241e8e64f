"""A hand-made report with every verdict, and its rule pages: what the renderers are tested on."""

# ruff: noqa: I001 - the import of many names is packed

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, Literal

from auditor.data import data_folder
from auditor.model import Confidence, Kind, Outcome, Severity, Verdict
from auditor.report import (
    AccessCell, Cap, ControlResult, Endpoint, EndpointControl, EvidenceNote,
    Finding, FrameLine, Gate, Location, NotChecked,
    ProofResult, Report, RuleResult, Score, ScoreLine, Subjects, Target, Tool, Unit,
)  # fmt: skip
from auditor.rulebook import Control, Rulebook, read_page

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "<script>alert(1)</script> [red]x[/red] \x1b[31mred\x1b[0m \u202etxt.exe </style>"
INIT = "supabase/migrations/20250110090000_init.sql"

_WEIGHTS = {"critical": 10.0, "high": 7.5, "medium": 5.0, "low": 2.5}
_VERDICTS: dict[str, tuple[Verdict, str, tuple[int, int, int, int]]] = {
    "rls-on-all-tables": (Verdict.FAIL, "3 of 14 tables", (14, 11, 3, 0)),
    "validated-input": (Verdict.PARTIAL, "4 of 31 endpoints read a body without a schema", (31, 27, 4, 0)),
    "rate-limiting": (Verdict.UNKNOWN, "no rule could resolve the middleware of 2 endpoints", (9, 7, 0, 2)),
    "restrictive-cors": (Verdict.PASS, "", (2, 2, 0, 0)),
    "secure-headers": (Verdict.ACCEPTED, "set by the proxy in front, see SEC-14", (1, 0, 1, 0)),
    "signed-webhooks": (Verdict.NOT_APPLICABLE, "no webhook route in 31 endpoints", (0, 0, 0, 0)),
    "clean-dependencies": (Verdict.UNKNOWN, "no advisory source answered", (0, 0, 0, 0)),
    "tenant-isolation": (Verdict.FAIL, "2 of 56 attempts crossed a tenant", (56, 54, 2, 0)),
    "least-privilege-database": (Verdict.FAIL, "1 of 6 functions", (6, 5, 1, 0)),
    "safe-migrations": (Verdict.PARTIAL, "", (9, 8, 1, 0)),
    "indexed-access-paths": (Verdict.PASS, "", (17, 17, 0, 0)),
}
_PAGE_TABLE = """
rls-disabled | catalog | A table without row level security | rls-on-all-tables | critical | cwe = [862, 284]
policy-always-true | catalog | A policy that lets everybody in | rls-on-all-tables | high | cwe = [863]
tenant-can-read-others | probe | A tenant reads another's rows | tenant-isolation | critical | cwe = [639]
definer-without-path | catalog | A definer without search_path | least-privilege-database | high | cwe = [79]
column-dropped | migration | A migration drops a column | safe-migrations | low |
foreign-key-without-index | catalog | A foreign key without index | indexed-access-paths | low | tags = ["x"]
header-missing | catalog | A security header is missing | secure-headers | medium |
endpoint-unlimited | catalog | An endpoint without a limit | rate-limiting | high | cwe = [770]
webhook-unsigned | catalog | A webhook that checks no signature | signed-webhooks | high | cwe = [345]
query-per-row | migration | A query per row | no-n-plus-one | medium |
"""
# rule -> kind, title, control, severity, further settings
_ROWS = [re.split(r" *\| *", line) for line in _PAGE_TABLE.strip().splitlines()]
_PAGES = {rule: more for rule, *more in _ROWS}
_PROSE = """
Without row level security, every role that holds a grant reads and writes **every** row of the table.
Supabase grants `anon` and `authenticated` on new tables of the schema `public`: it is open to the internet.

**Fix.** Turn it on and say who may do what:

1. `alter table public.notes enable row level security;`
2. Write a policy per command, for example `using (owner_id = (select auth.uid()))`.
"""


def sample_rulebook(folder: Path) -> Rulebook:
    """Pages written below `folder` and read the way that the tool reads its own."""
    pages = []
    for rule, (kind, title, control, severity, more) in _PAGES.items():
        path = folder / kind / f"{rule}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        settings = f'control = "{control}"\nseverity = "{severity}"\n{more}'
        path.write_text(f"# {title}\n\n```toml\n{settings}\n```\n{_PROSE}", "utf-8")
        pages.append(read_page(path))
    return Rulebook(tuple(_control(entry) for entry in _checklist()), tuple(sorted(pages, key=lambda p: p.id)))


def sample_report() -> Report:
    controls = [_control_result(entry) for entry in _checklist()]
    return Report(
        scoring_version="1", tool=Tool(version="0.1.0"),
        target=Target(commit="0f3c9a7d5be14d2c8a6f1e0b9d8c7a6f5e4d3c2b",
        units=[Unit(path=".", stack=["supabase", "hono"]), Unit(path="apps/web", stack=["nextjs"])]),
        gate=Gate(exit_code=1, reason="The gate failed: 7 open findings of severity high or more."),
        evidence=_evidence(), score=_score(controls), controls=controls, rules=_rules(),
        findings=_findings(), not_checked=_not_checked(), endpoints=_endpoints(), access=_access(),
    )  # fmt: skip


def many_findings(count: int) -> Report:
    """Give the sample `count` findings, spread over the rules and over files."""
    rules = list(_PAGES)
    findings = [
        _finding(rules[n % len(rules)], Severity.HIGH if n % 2 else Severity.LOW, f"table public.t{n}",
        f"db/{n // 50}.sql", n + 2, fingerprint=f"{n:016x}") for n in range(count)
    ]  # fmt: skip
    return sample_report().model_copy(update={"findings": findings})


def hostile_report() -> Report:
    """Give the sample one finding, all of whose text tries to act on the reader's screen."""
    finding = Finding(
        rule="rls-disabled", control="rls-on-all-tables", severity=Severity.CRITICAL,
        confidence=Confidence.PROVED, subject=f"table public.{HOSTILE}", title=f"Title {HOSTILE}",
        detail=f"Detail {HOSTILE} [click](http://evil.example)",
        fix=f"Fix {HOSTILE} ![pixel](http://evil.example/p.png) [link](http://evil.example)", unit=HOSTILE,
        database=HOSTILE, location=Location(path=f"a b/ü#?{HOSTILE}.sql", line=3),
        object=f"public.{HOSTILE}", sources=[HOSTILE], fingerprint="00ff",
        frame=[FrameLine(number=3, text=HOSTILE + "x" * 5000, marked=True)],
        proof=ProofResult(script=f"{HOSTILE}\n```\n", seen=HOSTILE, expected=HOSTILE), status="open",
    )  # fmt: skip
    row = NotChecked(rule="rls-disabled", control="rls-on-all-tables", subject=HOSTILE, reason=HOSTILE)
    control = EndpointControl(state="absent", evidence=HOSTILE)
    endpoint = Endpoint(
        unit=HOSTILE, method="GET", path=HOSTILE, framework=HOSTILE, location=None,
        auth=control, validation=control, rate_limit=control, signature=control,
    )  # fmt: skip
    note = EvidenceNote(source="replay", status="partial", reason=HOSTILE, seconds=1.0, facts={HOSTILE: [HOSTILE]})
    return sample_report().model_copy(
        update={"findings": [finding], "not_checked": [row], "endpoints": [endpoint], "evidence": [note]}
    )


def _checklist() -> list[dict[str, Any]]:
    text = (data_folder("rules") / "checklist.toml").read_text("utf-8")
    controls: list[dict[str, Any]] = tomllib.loads(text)["control"]
    return controls


def _control(entry: dict[str, Any]) -> Control:
    return Control(
        id=entry["id"], title=entry["title"], asks=entry["asks"], weight=Severity(entry["weight"]),
        fails_at=Severity.MEDIUM, share=entry.get("share", False), answers=tuple(entry.get("answers", ())),
        extended="answers" not in entry,
    )  # fmt: skip


def _control_result(entry: dict[str, Any]) -> ControlResult:
    default = (Verdict.NOT_ASKED, "no rule of this control was asked", (0, 0, 0, 0))
    verdict, reason, (total, ok, failed, unknown) = _VERDICTS.get(entry["id"], default)
    return ControlResult(
        id=entry["id"], title=entry["title"], asks=entry["asks"], weight=Severity(entry["weight"]),
        extended="answers" not in entry, verdict=verdict, reason=reason,
        subjects=Subjects(total=total, ok=ok, failed=failed, unknown=unknown),
        rules=[rule for rule, page in _PAGES.items() if page[2] == entry["id"]],
    )  # fmt: skip


def _score(controls: list[ControlResult]) -> Score:
    share = {Verdict.PASS: (1.0, 1.0), Verdict.UNKNOWN: (0.0, 1.0), Verdict.PARTIAL: (0.43, 0.43)}
    lines = []
    for control in controls:
        if control.verdict in {Verdict.NOT_APPLICABLE, Verdict.NOT_ASKED}:
            continue
        weight = _WEIGHTS[control.weight]
        low, high = share.get(control.verdict, (0.0, 0.0))
        lines.append(
            ScoreLine(control=control.id, weight=weight, points_min=weight * low, points_max=weight * high,
            reason=f"{control.verdict.value}: {control.reason}")
        )  # fmt: skip
    caps = [
        Cap(grade="F", limit=39, reason="a critical control failed (rls-on-all-tables, tenant-isolation)"),
        Cap(grade="D", limit=None, reason="a high control failed (least-privilege-database)"),
    ]
    return Score(min=21.4, max=39.0, grade="F", coverage=0.78, caps=caps, lines=lines)


def _evidence() -> list[EvidenceNote]:
    return [
        EvidenceNote(source="repository", status="available", seconds=0.21,
        facts={"files": 412, "skipped": ["big.bin", "link-out"], "git": True},
        ),
        EvidenceNote(source="shadow database", status="partial",
        reason="1 of 9 migrations did not replay: extension pg_net is not available", seconds=3.42,
        facts={"server": "18.6", "tables": 14, "functions": 6},
        ),
        EvidenceNote(source="advisories", status="unavailable",
        reason="offline, and no --advisories was given", seconds=0.0),
    ]  # fmt: skip


def _rules() -> list[RuleResult]:
    outcomes = {
        "foreign-key-without-index": (Outcome.PASS, 17, 0, 0),
        "endpoint-unlimited": (Outcome.UNKNOWN, 9, 0, 2),
        "webhook-unsigned": (Outcome.NOT_APPLICABLE, 0, 0, 0),
        "query-per-row": (Outcome.NOT_ASKED, 0, 0, 0),
    }
    results = []
    for rule, (kind, title, control, severity, _) in _PAGES.items():
        outcome, total, failed, unknown = outcomes.get(rule, (Outcome.FAIL, 14, 3, 0))
        results.append(
            RuleResult(id=rule, kind=Kind(kind), title=title, control=control, severity=Severity(severity),
            outcome=outcome,
            reason=f"{failed or unknown or total} of {total}" if total else "nothing of this kind",
            subjects_total=total, subjects_failed=failed, subjects_unknown=unknown)
        )  # fmt: skip
    return sorted(results, key=lambda rule: rule.id)


def _finding(  # one row of the table below
    rule: str,
    severity: Severity,
    subject: str,
    path: str | None,
    line: int,
    *,
    fingerprint: str,
    confidence: Confidence = Confidence.INFERRED,
    proof: ProofResult | None = None,
    status: Literal["open", "accepted", "baselined"] = "open",
) -> Finding:
    _, title, control, _, _ = _PAGES[rule]
    frame = [
        FrameLine(number=line - 1, text="-- who may read it is decided here", marked=False),
        FrameLine(number=line, text=f"create {subject} (", marked=True),
        FrameLine(number=line + 1, text="\tid uuid primary key default gen_random_uuid(),", marked=False),
    ]
    return Finding(
        rule=rule, control=control, severity=severity, confidence=confidence, subject=subject, title=title,
        detail=f"{subject} is in the exposed schema public; anon holds SELECT, INSERT.",
        fix="Turn it on: `alter table … enable row level security;`, then write a policy for each command.",
        unit=".", database="shadow", location=Location(path=path, line=line) if path else None,
        object=subject.partition(" ")[2], sources=["shadow"], fingerprint=fingerprint,
        frame=frame if path else [], proof=proof, status=status,
        status_reason="the proxy in front sets it (SEC-14), until 2027-01-31" if status == "accepted"
        else None,
    )  # fmt: skip


def _findings() -> list[Finding]:
    proof = ProofResult(
        script="begin;\nset local role anon;\nselect id, owner_id, body from public.notes;\nrollback;",
        seen="   id   | owner | body\n--------+-------+--------\n 5f0c12 | alice | secret\n(1 row)",
        expected="ERROR:  permission denied for table notes, or no rows",
    )
    high, low = Severity.HIGH, Severity.LOW
    second = "supabase/migrations/20250203140000_webhooks_and_api_keys.sql"
    return [
        _finding("column-dropped", low, "column public.tasks.notes", second, 61, fingerprint="c01d"),
        _finding("definer-without-path", high, "function public.f(uuid)", None, 0, fingerprint="def1"),
        _finding("header-missing", Severity.MEDIUM, "server apps/web", "apps/web/next.config.js", 7,
                 fingerprint="head", status="accepted"),
        _finding("policy-always-true", high, 'policy public.notes."own rows"', INIT, 55, fingerprint="b002"),
        _finding("policy-always-true", high, 'policy public.tasks."all"', INIT, 80, fingerprint="b003"),
        _finding("rls-disabled", Severity.CRITICAL, "table public.api_keys", second, 9, fingerprint="a001",
                 confidence=Confidence.PROVED, proof=proof),
        _finding("rls-disabled", Severity.CRITICAL, "table public.notes", INIT, 42, fingerprint="a002",
                 confidence=Confidence.PROVED, proof=proof),
        _finding("rls-disabled", low, "table internal.jobs", second, 30, fingerprint="a003",
                 confidence=Confidence.SUSPECTED),
        _finding("tenant-can-read-others", Severity.CRITICAL, "table public.invitations", INIT, 99,
                 fingerprint="7e4a", confidence=Confidence.PROVED, proof=proof),
        _finding("tenant-can-read-others", high, "view public.project_overview", INIT, 120,
                 fingerprint="7e4b"),
        _finding("column-dropped", Severity.INFO, "column public.tasks.old", second, 62, fingerprint="c02d",
                 status="baselined"),
    ]  # fmt: skip


def _not_checked() -> list[NotChecked]:
    unresolved = "the middleware is chosen at run time"
    return [
        NotChecked(rule="endpoint-unlimited", control="rate-limiting", subject="POST /api/login",
        reason=unresolved, location=Location(path="src/routes/auth.ts", line=18)),
        NotChecked(rule="endpoint-unlimited", control="rate-limiting", subject="POST /api/invite",
        reason=unresolved, location=Location(path="src/routes/invite.ts", line=5)),
        NotChecked(rule="vulnerable-dependency", control="clean-dependencies", subject=None,
        reason="offline, and no --advisories was given"),
    ]  # fmt: skip


def _endpoints() -> list[Endpoint]:
    where = Location(path="src/routes/notes.ts", line=12)
    none = EndpointControl(state="not_applicable", evidence="")
    known = EndpointControl(state="present", evidence="requireUser (jwtVerify of jose)")
    return [
        Endpoint(unit=".", method="GET", path="/api/notes/:id", framework="Hono", location=where, rate_limit=none,
                 auth=known, signature=none, validation=EndpointControl(state="absent", evidence="query")),
        Endpoint(unit=".", method="POST", path="/api/login", framework="Hono", location=None, auth=none,
                 validation=none, signature=none,
                 rate_limit=EndpointControl(state="unresolved", evidence="limit of @acme/limits")),
    ]  # fmt: skip


def _access() -> list[AccessCell]:
    states: dict[tuple[str, str], Literal["allowed", "own-rows", "denied", "error", "unknown"]] = {
        ("public.notes", "anon"): "allowed",
        ("public.notes", "authenticated"): "allowed",
        ("public.tasks", "anon"): "denied",
        ("public.tasks", "authenticated"): "own-rows",
        ("public.invitations", "anon"): "unknown",
        ("public.invitations", "authenticated"): "error",
    }
    proof = ProofResult(script="select * from public.notes;", seen="2 rows", expected="no rows")
    return [
        AccessCell(unit=".", database="shadow", object=name, caller=caller, command=command, state=state,
                   proof=proof if state == "allowed" and command == "select" else None)
        for (name, caller), state in states.items()
        for command in ("select", "insert", "update", "delete")
    ]  # fmt: skip
