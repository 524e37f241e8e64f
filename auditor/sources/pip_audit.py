"""PyPI's advisories on locked Python packages, asked through pip-audit; what was not answered is unknown, never clean.

The repository runs nothing here: pip-audit is a module of this tool's own environment, gets a file of `name==version`
lines that is written here, and resolves nothing. It is run without its `--strict`: that ends at the first package which
its service does not know, with exit code 1 and no output at all, so that one private package would cost every other
answer. Its JSON names each skipped package instead, and each of those becomes a row that is unknown. A known-vulnerable
canary is in every query: an answer that does not know it says nothing about the others. Exit codes are not read,
because 1 means a crash as well as a vulnerability.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from auditor.facts.advisory_answers import Hit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import ExitStack

CANARY = ("jinja2", "2.10")
_OTHER_CANARY = ("urllib3", "1.24.1")  # one query takes one version of a name: beside another version of Jinja
HINT = "--advisories FOLDER|ZIP of OSV records audits the packages without a connection"
_ENVIRONMENT = {
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY",
    "NO_PROXY",
}  # fmt: skip
_BUDGET = 30.0  # seconds for all packages
_FIRST = 9.0  # seconds for the canary alone: a dead network costs no more
_SOCKET = 5
_LANES = 4
_PER_LANE = 25
_MAX_OUTPUT = 50_000_000
_FAULTS = (
    (
        re.compile(r"NameResolutionError|name resolution|Name or service not known|getaddrinfo"),
        "its name does not resolve",
    ),
    (re.compile(r"CERTIFICATE_VERIFY_FAILED|SSLError"), "its TLS certificate is not trusted"),
    (re.compile(r"ProxyError"), "the proxy does not let it through"),
    (re.compile(r"Could not connect|ConnectTimeout|ReadTimeout|timed out"), "it does not answer in time"),
    (re.compile(r"JSONDecodeError"), "it answered something that is no JSON"),
    (re.compile(r"(\d{3}) (?:Client|Server) Error"), "it answered HTTP {0}"),
    (re.compile(r"ConnectionError|Connection refused|NewConnectionError|ProtocolError"), "no connection to it"),
    (re.compile(r"No module named pip_audit"), "pip-audit is not installed"),
)

Version = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """One advisory on one version; `fixed` is the nearest version that mends it."""

    id: str
    summary: str
    fixed: str | None
    aliases: frozenset[str] = frozenset()


@dataclass(slots=True)
class PythonAudit:
    """What was answered, per (name, version); `unanswered` gives the reason for each that was not."""

    answered: dict[Version, tuple[Vulnerability, ...]] = field(default_factory=dict)
    unanswered: dict[Version, str] = field(default_factory=dict)
    service: str = "PyPI"

    @property
    def source(self) -> str:
        return f"{self.service}, by pip-audit"

    def hits(self, key: Version) -> tuple[Hit, ...]:
        """What was answered for one version; PyPI says what is wrong and what mends it, and not how bad it is."""
        return tuple(
            Hit(item.id, item.summary, item.fixed, aliases=item.aliases, source=self.source)
            for item in self.answered[key]
        )


@dataclass(frozen=True, slots=True)
class Service:
    """Where pip-audit asks: PyPI, which serves the packages too, unless another one is named."""

    name: str = "PyPI"
    options: tuple[str, ...] = ("--vulnerability-service", "pypi")


class _Unanswered(Exception):  # noqa: N818 - an outcome, as the sentence that the report prints
    """The service gave no answer that can be trusted."""


def audit_python(packages: Iterable[Version], stack: ExitStack, service: Service | None = None) -> PythonAudit:
    """Ask about these packages, each resolved from the public registry; `stack` ends what still runs."""
    service = service or Service()
    found = PythonAudit(service=service.name)
    wanted = _sendable(packages, found)
    if not wanted:
        return found
    deadline = time.monotonic() + _BUDGET
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="backend-audit-")))
    try:
        _run([], folder / "canary", min(_FIRST, _BUDGET), service, stack)
    except _Unanswered as error:
        found.unanswered |= dict.fromkeys(wanted, _sentence(service, str(error)))
        return found
    parts = _parts(wanted)

    def ask(number: int) -> tuple[dict[Version, tuple[Vulnerability, ...]], dict[str, str], str]:
        try:
            left = deadline - time.monotonic()
            return (
                *_run(parts[number], folder / str(number), left, service, stack),
                "it did not answer for this package",
            )
        except _Unanswered as error:
            return {}, {}, str(error)

    with ThreadPoolExecutor(_LANES) as pool:
        for part, (answered, skipped, reason) in zip(parts, pool.map(ask, range(len(parts))), strict=True):
            _take(part, answered, skipped, _sentence(service, reason), found)
    return found


def _parts(wanted: Sequence[Version]) -> list[list[Version]]:
    """Queries of a fair size that hold one version of each name."""
    layers: dict[int, list[Version]] = defaultdict(list)
    seen: Counter[str] = Counter()
    for item in wanted:
        displaced = item[0] == CANARY[0] and item != CANARY
        layers[(-1 if displaced else 1) * seen[item[0]] - displaced].append(item)
        seen[item[0]] += 1
    size = max(_PER_LANE, -(-len(wanted) // _LANES))
    return [layer[i : i + size] for _, layer in sorted(layers.items()) for i in range(0, len(layer), size)]


def _sentence(service: Service, reason: str) -> str:
    return f"not audited: pip-audit asked {service.name}, and {reason}; {HINT}"


def _sendable(packages: Iterable[Version], found: PythonAudit) -> list[Version]:
    """What can be written to a requirements file: one odd line would cost the whole query."""
    from packaging.version import InvalidVersion
    from packaging.version import Version as Parsed

    wanted = []
    for name, version in sorted({*packages}):
        try:
            Parsed(version)
        except InvalidVersion:
            found.unanswered[name, version] = f"version {version} is not one of its ecosystem"
        else:
            wanted.append((name, version))
    return wanted


def _take(
    part: Sequence[Version],
    answered: dict[Version, tuple[Vulnerability, ...]],
    skipped: dict[str, str],
    reason: str,
    found: PythonAudit,
) -> None:
    for name, version in part:
        hits = answered.get((name, _plain(version)))
        if hits is not None:
            found.answered[name, version] = hits
        else:
            found.unanswered[name, version] = f"not audited: {skipped[name]}" if name in skipped else reason


def _plain(version: str) -> str:
    from packaging.version import Version as Parsed

    return str(Parsed(version))


def _run(
    part: Sequence[Version], folder: Path, seconds: float, service: Service, stack: ExitStack
) -> tuple[dict[Version, tuple[Vulnerability, ...]], dict[str, str]]:
    """One process of pip-audit: what it answered, and what it skipped and why."""
    if seconds <= 0:
        raise _Unanswered("the time for it was used up")
    folder.mkdir(mode=0o700)
    canary = CANARY if all(item == CANARY for item in part if item[0] == CANARY[0]) else _OTHER_CANARY
    lines = [f"{name}=={version}\n" for name, version in dict.fromkeys((canary, *part))]
    requirements = folder / "requirements.txt"
    requirements.write_text("".join(lines), "utf-8")
    # `-I`: neither PYTHON* variables, nor the user's site, nor the current folder have a say in what is imported.
    command = [
        sys.executable, "-I", "-m", "pip_audit", "-r", str(requirements), "--no-deps", "--disable-pip",
        "--format", "json", "--progress-spinner", "off", "--timeout", str(_SOCKET),
        "--cache-dir", str(folder / "cache"), *service.options,
    ]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=folder, env=_environment(folder), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    stack.callback(_end, process)
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        _end(process)
        raise _Unanswered("it does not answer in time") from error
    if len(out) > _MAX_OUTPUT:
        raise _Unanswered("its answer is larger than any real one")
    return _read(out, err, canary)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate()


def _environment(folder: Path) -> dict[str, str]:
    """Nothing but what TLS and proxies need; home and temporary files are private."""
    kept = {name: value for name, value in os.environ.items() if name.upper() in _ENVIRONMENT}
    return {**kept, "HOME": str(folder), "TMPDIR": str(folder), "LC_ALL": "C.UTF-8"}


def _read(out: bytes, err: bytes, canary: Version) -> tuple[dict[Version, tuple[Vulnerability, ...]], dict[str, str]]:
    try:
        entries = json.loads(out)["dependencies"]
        skipped = {str(entry["name"]): str(entry["skip_reason"])[:200] for entry in entries if "skip_reason" in entry}
        answered = {
            (str(entry["name"]), _plain(entry["version"])): tuple(
                _vulnerability(item, entry["version"]) for item in entry["vulns"]
            )
            for entry in entries
            if "skip_reason" not in entry
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _Unanswered(_fault(err.decode("utf-8", "replace"))) from error
    name, version = canary
    if not answered.get(canary):
        known = f": {skipped[name]}" if name in skipped else ""
        raise _Unanswered(f"it returned nothing for a known-vulnerable canary ({name} {version}){known}")
    return answered, skipped


def _vulnerability(entry: dict[str, Any], version: str) -> Vulnerability:
    names = [str(entry["id"]), *map(str, entry.get("aliases") or ())]
    best = min(names, key=lambda name: ({"GHSA": 0, "CVE": 1}.get(name.split("-")[0], 2), name))
    fixed = _nearest([str(fix) for fix in entry.get("fix_versions") or ()], version)
    return Vulnerability(best, str(entry.get("description") or "")[:300], fixed, frozenset(names) - {best})


def _nearest(fixes: list[str], version: str) -> str | None:
    """The least version above the installed one that mends a fault: those of older branches help nobody."""
    from packaging.version import Version as Parsed

    later = [fix for fix in map(Parsed, fixes) if fix > Parsed(version)]
    return str(min(later)) if later else None


def _fault(text: str) -> str:
    """What went wrong, in our own words: an error may quote a proxy's address with its password."""
    for pattern, sentence in _FAULTS:
        if match := pattern.search(text):
            return sentence.format(*match.groups())
    last = next((line for line in reversed(text.splitlines()) if re.match(r"[\w.]+(?:Error|Exception)\b", line)), "")
    name = last.split(":")[0].rpartition(".")[2]
    return f"it failed{f' with {name}' if name else ''}"
