"""Both fixtures, scanned whole: the leaky one shows every fault that was put in, the sound one none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor.audit import Request, audit
from auditor.model import Target, Verdict
from auditor.render import html, json_report, sarif
from auditor.rulebook import load_rulebook

if TYPE_CHECKING:
    from auditor.report import Report

ROOT = Path(__file__).resolve().parent.parent / "fixtures"
PARTIAL = {
    "validated-input", "rate-limiting", "audit-logs", "no-n-plus-one", "bounded-queries",
}  # fmt: skip
# A statement that does not replay leaves some indexes unknown, beside those that are missing.
UNKNOWN = "indexed-access-paths"
OLD_SERVER = Path("/usr/lib/postgresql/15/bin")
M = "supabase/migrations"
# What was put into the leaky fixture: rule, subject, file and line of the statement to blame.
PLANTED = [
    ("rls-disabled", "table public.api_keys", "20250203140000_webhooks_and_api_keys.sql", 26),
    ("rls-disabled", "table public.audit_log", "20250217093000_audit_log.sql", 1),
    ("rls-enabled-no-policy", "table public.webhook_deliveries", "20250203140000_webhooks_and_api_keys.sql", None),
    ("policy-on-rls-disabled-table", "table public.webhooks", "20250415101500_webhook_delivery_stats.sql", 5),
    ("policy-infinite-recursion", "table public.members", "20250110090000_init.sql", None),
    ("cross-tenant-read", "table public.projects", "20250112100000_projects_and_tasks.sql", None),
    ("cross-tenant-read", "table public.tasks", "20250112100000_projects_and_tasks.sql", None),
    ("anon-can-write-rows", "table public.projects", "20250112100000_projects_and_tasks.sql", None),
    ("definer-view-exposed", "view public.project_overview", "20250402150000_project_overview.sql", 8),
    ("migration-destructive", None, "20250402150000_project_overview.sql", 24),
    ("migration-destructive", None, "20250415101500_webhook_delivery_stats.sql", 9),
    ("migration-destructive", None, "20250415101500_webhook_delivery_stats.sql", 10),
    ("migration-disables-rls-or-drops-policy", None, "20250415101500_webhook_delivery_stats.sql", 5),
    ("migration-replay-failure", None, "20250415101500_webhook_delivery_stats.sql", 30),
    ("policy-references-user-metadata", None, "20250110090000_init.sql", 91),
    ("policy-always-true", None, "20250112100000_projects_and_tasks.sql", 44),
    ("policy-always-true", None, "20250112100000_projects_and_tasks.sql", 49),
    ("policy-always-true", None, "20250118083000_invitations_and_email_queue.sql", 37),
    ("policy-always-true", None, "20250310113000_billing.sql", 30),
    ("definer-function-mutable-search-path", None, "20250110090000_init.sql", 38),
    ("foreign-key-unindexed", None, "20250112100000_projects_and_tasks.sql", None),
    ("duplicate-index", None, "20250402150000_project_overview.sql", None),
    ("policy-auth-call-per-row", None, "20250112100000_projects_and_tasks.sql", None),
]
# The same for application code and configuration: rule, file, line.
PLANTED_IN_FILES = [
    ("vulnerable-dependency", "package-lock.json", None),
    ("lockfile-missing", "worker/package.json", 1),
    ("supabase-service-role-key-exposed", "src/lib/supabase.ts", None),
    ("cors-wildcard-with-credentials", "src/app.ts", 19),
    ("cors-wildcard-with-credentials", "supabase/functions/_shared/cors.ts", None),
    ("hardcoded-database-url", "src/lib/db.ts", 4),
    ("empty-catch", "src/lib/audit.ts", 14),
    ("empty-catch", "src/routes/members.ts", 54),
    ("empty-catch", "src/routes/stripe.ts", 34),
    ("empty-catch", "supabase/functions/send-email/index.ts", 32),
    ("error-handler-unregistered", "src/middleware/error-handler.ts", None),
    ("compose-database-published", "docker-compose.yml", 21),
    ("compose-database-published", "docker-compose.yml", 29),
    ("edge-function-jwt-off", "supabase/config.toml", 41),
    ("auth-config-weak", "supabase/config.toml", 23),
    ("dockerfile-runs-as-root", "Dockerfile", 1),
    ("sql-injection", "src/routes/projects.ts", 16),
    ("sql-in-route-handler", "src/routes/projects.ts", 16),
    ("n-plus-one-read", "src/routes/organizations.ts", 12),
    ("n-plus-one-read", "src/routes/organizations.ts", 13),
    ("n-plus-one-read", "src/routes/projects.ts", 21),
    ("n-plus-one-read", "src/routes/members.ts", 13),
    ("weak-secret-fallback", "src/lib/env.ts", 11),
    ("weak-secret-fallback", "src/routes/members.ts", 6),
    ("jwt-not-verified", "src/middleware/auth.ts", 11),
    ("api-key-stored-in-clear", f"{M}/20250203140000_webhooks_and_api_keys.sql", 30),
    ("security-headers-missing", "src/app.ts", 15),
    ("audit-trail-absent", "src/lib/audit.ts", 13),
    ("endpoint-without-auth", "supabase/functions/send-email/index.ts", 19),
    ("endpoint-without-auth", "src/routes/projects.ts", 40),
    ("endpoint-without-validation", "src/routes/organizations.ts", 20),
    ("endpoint-without-validation", "src/routes/organizations.ts", 36),
    ("endpoint-without-validation", "src/routes/projects.ts", 41),
    ("endpoint-without-validation", "src/routes/webhooks.ts", 15),
    ("endpoint-without-validation", "src/routes/webhooks.ts", 23),
    ("endpoint-without-validation", "src/routes/members.ts", 20),
    ("endpoint-without-validation", "src/routes/members.ts", 42),
    ("endpoint-without-validation", "src/routes/auth.ts", 7),
    ("endpoint-without-validation", "src/routes/auth.ts", 16),
    ("endpoint-without-validation", "src/routes/auth.ts", 24),
    ("webhook-signature-missing", "src/routes/stripe.ts", 13),
    ("auth-endpoint-without-rate-limit", "src/routes/auth.ts", 6),
    ("object-lookup-without-ownership", "src/routes/projects.ts", 35),
    ("object-lookup-without-ownership", "src/routes/projects.ts", 42),
    ("object-lookup-without-ownership", "src/routes/webhooks.ts", 24),
    ("object-lookup-without-ownership", "src/routes/organizations.ts", 27),
    ("unbounded-list-query", "src/routes/members.ts", 11),
    ("privileged-endpoint-without-audit-record", "src/routes/members.ts", 40),
]


def _scan(name: str, pg_bin: str | None = None, advisories: tuple[str, ...] = (str(ROOT / "advisories"),)) -> Report:
    return audit(Request(Target(ROOT / name, pg_bin=pg_bin, advisories=advisories)), load_rulebook())[0]


@pytest.fixture(scope="module", params=["newest", "15"])
def server(request: pytest.FixtureRequest) -> str | None:
    if request.param == "newest":
        return None
    if not OLD_SERVER.is_dir():
        pytest.skip("no PostgreSQL 15 on this machine")
    return str(OLD_SERVER)


@pytest.fixture(scope="module")
def leaky(server: str | None) -> Report:
    return _scan("leaky", server)


@pytest.fixture(scope="module")
def sound(server: str | None) -> Report:
    return _scan("sound", server)


@pytest.mark.parametrize(("rule", "subject", "file", "line"), PLANTED)
def test_every_planted_fault_is_found(
    leaky: Report, rule: str, subject: str | None, file: str, line: int | None
) -> None:
    found = [
        finding
        for finding in leaky.findings
        if finding.rule == rule and finding.location and finding.location.path == f"{M}/{file}"
    ]
    assert [
        finding
        for finding in found
        if subject in {None, finding.subject}
        and finding.location
        and (line is None or finding.location.line <= line <= (finding.location.end_line or finding.location.line))
    ], [(finding.subject, finding.location) for finding in found]


@pytest.mark.parametrize(("rule", "file", "line"), PLANTED_IN_FILES)
def test_every_fault_planted_in_files_is_found(leaky: Report, rule: str, file: str, line: int | None) -> None:
    places = {(f.location.path, f.location.line) for f in leaky.findings if f.rule == rule and f.location}
    assert (file, line) in places or (line is None and file in {path for path, _ in places})


def test_leaky_fails_or_is_partial_on_every_control(leaky: Report) -> None:
    verdicts = {control.id: control.verdict for control in leaky.controls}
    assert {name for name, verdict in verdicts.items() if verdict is not Verdict.FAIL} == {*PARTIAL, UNKNOWN}
    assert {verdicts[name] for name in PARTIAL} == {Verdict.PARTIAL}
    assert verdicts[UNKNOWN] is Verdict.UNKNOWN
    assert leaky.gate.exit_code == 1
    assert leaky.score.max <= 39


def test_leaky_does_so_offline_and_without_advisories_too() -> None:
    report = audit(Request(Target(ROOT / "leaky", offline=True)), load_rulebook())[0]
    verdicts = {control.verdict for control in report.controls if control.id != UNKNOWN}
    assert verdicts == {Verdict.FAIL, Verdict.PARTIAL}


def test_sound_passes_every_control(sound: Report) -> None:
    assert {control.id: control.verdict for control in sound.controls if control.verdict is not Verdict.PASS} == {}
    assert [finding for finding in sound.findings if finding.severity != "info"] == []
    assert (sound.gate.exit_code, sound.score.grade) == (0, "A")


def test_every_endpoint_stands_in_the_report_with_its_controls(sound: Report, leaky: Report) -> None:
    listed = {f"{endpoint.method} {endpoint.path}": endpoint for endpoint in sound.endpoints}
    served = [endpoint for endpoint in listed.values() if endpoint.framework == "PostgREST"]
    assert len(listed) - len(served) == 31
    assert {(e.auth.state, e.ownership.state) for e in served} == {("present", "present")}
    created = listed["POST /v1/organizations/:orgId/projects"]
    assert [created.auth.state, created.validation.state, created.rate_limit.state] == ["present"] * 3
    assert created.location
    assert created.location.path == "src/routes/projects.ts"
    assert listed["POST /hooks/stripe"].signature.state == "present"
    assert next(e for e in leaky.endpoints if e.path == "/hooks/stripe").signature.state == "absent"


def test_every_finding_on_the_database_has_file_and_line(leaky: Report) -> None:
    # What the platform grants by default is in no file.
    assert [finding.subject for finding in leaky.findings if finding.location is None] in ([], ["schema public"])
    assert len({finding.fingerprint for finding in leaky.findings}) == len(leaky.findings)


def test_a_finding_on_the_database_tells_how_it_came_about(leaky: Report) -> None:
    found = next(f for f in leaky.findings if f.rule == "policy-on-rls-disabled-table")
    steps = [(step.statement.lower(), step.location.path) for step in found.history]
    assert steps[0][0].startswith("create table public.webhooks")
    assert any("enable row level security" in statement for statement, _ in steps)
    assert any(statement.startswith("create policy") for statement, _ in steps)
    assert any("disable row level security" in statement for statement, _ in steps)
    assert steps[-1][1].endswith("20250415101500_webhook_delivery_stats.sql")


def test_proofs_are_transcripts(leaky: Report) -> None:
    proved = [finding for finding in leaky.findings if finding.confidence == "proved"]
    assert {finding.rule for finding in proved if not finding.rule.startswith("migration-")} == {
        "anon-can-write-rows",
        "cross-tenant-read",
        "cross-tenant-write",
        "definer-function-reaches-others",
        "definer-view-exposed",
        "policy-infinite-recursion",
        "policy-on-rls-disabled-table",
        "privileged-column-self-update",
        "rls-disabled",
    }
    for finding in proved:
        assert finding.proof
        assert finding.proof.script.startswith("begin;")
        assert finding.proof.script.endswith("rollback;")
        assert finding.proof.seen


def test_without_advisories_the_packages_are_unknown_and_never_clean() -> None:
    control = next(c for c in _scan("sound", advisories=()).controls if c.id == "clean-dependencies")
    assert control.verdict is Verdict.UNKNOWN
    assert "--advisories" in control.reason


def test_no_secret_stands_in_any_report(leaky: Report) -> None:
    written = [json_report.render(leaky), html.render(leaky, load_rulebook()), sarif.render(leaky, load_rulebook())]
    assert [text for text in written if "Sup3rS3cret" in text] == []


def test_two_scans_give_the_same_report() -> None:
    first, second = (_without_seconds(_scan("leaky")) for _ in range(2))
    assert first == second


def _without_seconds(report: Report) -> str:
    notes = [note.model_copy(update={"seconds": 0.0}) for note in report.evidence]
    return json_report.render(report.model_copy(update={"evidence": notes}))
