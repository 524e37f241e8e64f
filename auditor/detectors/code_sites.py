"""Places that semgrep's rules ask about, too, judged by what happens to request data in the whole file.

semgrep follows data through one function and knows no element of a list, no branch that is never taken and no helper of
the same file. What it says of a place is corrected here, where the place was followed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.code_values import Value, content
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from auditor.facts.code_values import Event
    from auditor.sources.code import Code

_SQL_METHODS = re.compile(
    r"\.(?:query|execute|exec|prepare|raw|unsafe|queryObject|queryArray|\$queryRawUnsafe|\$executeRawUnsafe|whereRaw|orWhereRaw"
    r"|andWhereRaw|orderByRaw|havingRaw|joinRaw|groupByRaw|fromRaw|selectRaw|all|get|run|each|executemany|executescript|fetch"
    r"|fetchrow|fetchval|fetch_all|fetch_one|fetch_val|exec_driver_sql|literal)$"
)
# Parts of a statement that a query builder takes as they are written, whatever the builder is called.
_RAW_PARTS = re.compile(
    r"\.(?:(?:or|and)?(?:where|having)|orderBy|join|groupBy|from|select|columns?|(?:where|having)?(?:Not)?Exists)Raw$"
)
_CONDITIONS = re.compile(r"\.(?:where|andWhere|orWhere|having|andHaving|orHaving)$")
_COMPARES = re.compile(r"(?is)^[\s(]*[\w.\"`\[\]]+\s*(?:=|<|>|!=|\b(?:i?like|in|between|is)\b)")
_SQL_BY_NAME = re.compile(
    r"^(?:sqlalchemy\.(?:sql\.)?text|(?:\w+\.)*RawSQL|pandas\.read_sql(?:_query)?|pd\.read_sql(?:_query)?)$|\.objects\.raw$"
    r"|\.\$(?:query|execute)RawUnsafe$|^sql\.(?:raw|unsafe)$|^(?:\w+\.)*Prisma\.raw$|^(?:drizzle-orm|postgres|kysely)\.sql\.raw$"
)
_DATABASE = re.compile(
    r"(?i)(?:^|[\W_])\w*(?:cur|curs|cursor|conn|connection|db|database|session|engine|pool|client|sqlite\w*|mysql\w*|pg|knex|trx|tx"
    r"|sequelize|manager|queryrunner|prisma|sql|postgres\w*)(?:\([^()]*\))?$"
)
_NO_DATABASE = re.compile(r"(?i)apollo|graphql|redis|elastic|\breq\b|request|dynamo|mongo|regex|res\b")
_STATEMENT = re.compile(
    r"(?is)\b(?:select|insert|update|delete|with|alter|drop|create|truncate|where|order by|call|exec)\b"
)
_SHELLS = re.compile(
    r"^(?:os\.(?:system|popen)|subprocess\.(?:getoutput|getstatusoutput)|asyncio\.create_subprocess_shell|commands\.getoutput"
    r"|child_process\.(?:exec|execSync)|shelljs\.exec|execa\.(?:command|commandSync|execaCommand))$"
)
# Helpers that hand a line to a shell, here or on another machine, by what everybody calls them.
_RUNNERS = re.compile(
    r"(?:^|\.)_?(?:exec(?:ute)?_?(?:async|command|cmd|shell|remote|promise|promisified|ssh|bash)\w*|run_?(?:command|cmd|shell|bash|ssh)\w*|ssh_?exec\w*|shell_?exec\w*)$",
    re.IGNORECASE,
)
_LINE = re.compile(r"^\s*(?:sudo\s+)?[a-z][\w./-]*\s+\S*")
_PROCESSES = re.compile(
    r"^(?:subprocess\.(?:run|call|Popen|check_output|check_call)|child_process\.(?:spawn|spawnSync|execFile|execFileSync))$"
)
_SHELL = re.compile(r"^(?:/usr)?(?:/bin/)?(?:ba|z|da)?sh$|^cmd(?:\.exe)?$")
_LOADERS = re.compile(
    r"^(?:(?:c|_)?[pP]ickle\.(?:loads?|Unpickler)|dill\.loads?|cloudpickle\.loads?|jsonpickle\.decode|marshal\.loads?|joblib\.load"
    r"|yaml\.(?:unsafe_load|unsafe_load_all|load|load_all))$"
)
_SAFE_LOADER = re.compile(r"(?:Safe|Base|Full)Loader$")


def _sql(event: Event) -> list[Value] | None:  # noqa: PLR0911 - a case per line
    if event.kind != "call" or not (event.args or event.named):
        return None
    if event.name.endswith(".extra"):
        return [value for key, value in event.named.items() if key in {"where", "select", "order_by", "tables"}] or None
    text = event.args[0] if event.args else event.named.get("query")
    if text is None:
        return None
    if _SQL_BY_NAME.search(event.name):
        return [text]
    if _RAW_PARTS.search(event.name) or (_CONDITIONS.search(event.name) and _is_condition(text)):
        return [text]
    holder = event.node.child_by_field_name("function")
    owner = text_of(holder.child_by_field_name("object")) if holder is not None else ""
    if not _SQL_METHODS.search(event.name) or not _DATABASE.search(owner) or _NO_DATABASE.search(owner):
        return None
    if text.keys is not None:
        text = text.keys.get("text") or text.keys.get("sql") or Value()
    doubtful = event.entry > 0 or event.name.endswith((".all", ".get", ".run", ".each", ".raw", ".fetch"))
    return [text] if not doubtful or _says_sql(text) else None


def _is_condition(value: Value) -> bool:
    """Whether a text that was put together begins with a comparison, as a builder of SQL takes one."""
    first = next((part.const for part in value.args if isinstance(part.const, str)), "") if value.built else ""
    return any(_COMPARES.match(text) for text in (value.prefix, str(first)))


def _says_sql(value: Value) -> bool:
    """Whether a text that was put together says that it is a statement."""
    texts = [value.prefix, *(part.const for part in (value, *value.args) if isinstance(part.const, str))]
    return any(_STATEMENT.search(text) for text in texts)


def _command(event: Event) -> list[Value] | None:  # noqa: PLR0911 - a case per line
    if event.kind != "call" or not event.args:
        return None
    if _SHELLS.match(event.name):
        return [event.args[0]]
    if _RUNNERS.search(event.name):
        return [arg for arg in event.args[:3] if _is_line(content(arg))] or None
    if not _PROCESSES.match(event.name):
        return None
    more = event.named.get("**")
    options = [event.named, *((arg.keys or {}) for arg in (*event.args, *([more] if more else [])))]
    shell = next((keys["shell"] for keys in options if "shell" in keys), None)
    if shell is not None and shell.const is not False:
        return list(event.args[:2])
    line = event.args[0].items or [event.args[0], *((event.args[1].items or []) if len(event.args) > 1 else [])]
    named = bool(line) and isinstance(line[0].const, str) and _SHELL.match(line[0].const) is not None
    unknown = len(line) > 2 and not isinstance(line[0].const, str)  # noqa: PLR2004 - so many arguments or parts
    if named or (unknown and line[1].const in {"-c", "-lc", "/c", "/C"}):
        return [Value(items=line[1:])]
    return line[:1]  # without a shell, who names the program runs what he likes


def _is_line(value: Value) -> bool:
    """Whether a text that was put together begins with a program and a space, as a line for a shell does."""
    return value.built and _LINE.match(value.prefix) is not None


def _loader(event: Event) -> list[Value] | None:
    if event.kind not in {"call", "new"} or not event.args or not _LOADERS.match(event.name):
        return None
    loader = event.named.get("Loader") or (event.args[1] if len(event.args) > 1 else None)
    if event.name in {"yaml.load", "yaml.load_all"} and loader is not None and not _unsafe(loader):
        return []
    return [event.args[0]]


def _unsafe(loader: Value) -> bool:
    return not _SAFE_LOADER.search(loader.name) and re.search(r"(?:^|\.)C?(?:Unsafe)?Loader$", loader.name) is not None


_SITES: dict[str, tuple[str, Callable[[Event], list[Value] | None]]] = {
    "sql-injection": ("sql", _sql),
    "command-injection": ("command", _command),
    "unsafe-deserialization": ("code", _loader),
}
_WORDS = {
    "sql-injection": re.compile(
        r"(?i)[\"'`]\s*(?:select|insert\s+into|update|delete\s+from|with|where|order\s+by)\s|RawUnsafe|sql\.(?:raw|unsafe)|\.extra\("
        r"|\btext\(\s*f?[\"']|(?:\wRaw|[wW]here|[hH]aving)\("
    ),
    "command-injection": re.compile(
        r"child_process|\bsubprocess\b|\bos\.(?:system|popen)|shelljs|execa|(?i:exec(?:ute)?_?(?:async|command|cmd|shell|remote|promise|ssh)|run_?(?:command|cmd|shell|ssh)|ssh_?exec)"
    ),
    "unsafe-deserialization": re.compile(r"[pP]ickle|\byaml\b|\bdill\b|marshal|joblib"),
}


def is_followed(rule: str) -> bool:
    return rule in _SITES


@dataclass(frozen=True, slots=True)
class Followed:
    """A place of a rule that was followed: its file, its first and last byte, where it begins and ends (line and column
    count from 1), whether request data reaches it, and whether it is given a constant.

    `lost` stands for a whole file that is too long or too deep to follow.
    """

    path: str
    key: tuple[int, int] = (0, 0)
    span: tuple[int, int, int, int] = (1, 1, 1, 1)
    reached: bool = False
    constant: bool = False
    lost: bool = False


def follow(rule: str, code: Code, path: str) -> Iterator[Followed]:
    """The places in a file, and those in others that it hands request data to."""
    entered = code.is_entered(path)
    own = entered and code.holds(path, _WORDS[rule])
    flow = code.flow(path) if entered else None
    if own and flow is None:
        yield Followed(path, lost=True)
    if flow is None:
        return
    for event in (*(flow.events if own else ()), *flow.away):
        judged = judge(rule, event)
        if judged and (event.path == path or not code.is_client(event.path)):
            (line, column), (last, end) = event.node.start_point, event.node.end_point
            key = (event.node.start_byte, event.node.end_byte)
            yield Followed(event.path, key, (line + 1, column + 1, last + 1, end + 1), *judged)


def judge(rule: str, event: Event) -> tuple[bool, bool] | None:
    """Whether request data reaches the place of an event, and whether that is given a constant; None elsewhere."""
    use, sites = _SITES[rule]
    given = sites(event)
    if given is None:
        return None
    values = [content(value) for value in given]
    reached = any(event.data(value, use) for value in values)
    return reached, bool(values) and all(map(_is_constant, values))


def _is_constant(value: Value) -> bool:
    """Whether a value is one constant or another, and comes from nowhere else."""
    nowhere = not (value.taint or value.name or value.args or value.closure or value.built)
    return isinstance(value.const, str | int) or (nowhere and value.items is None and value.keys is None)
