"""What a call does to the world: reads or writes a database, sends a message, takes money, asks a model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of, string_of, unwrap
from auditor.facts.sql_lookups import statement
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tree_sitter import Node

    from auditor.facts.reach import Call

READ, WRITE, SEND, PAY, MODEL, SIGN_IN = "read", "write", "send", "pay", "model", "sign-in"

_CLIENT = r"(?:\w+\.)*(?:prisma\w*|\w*[Pp]rismaClient|db\w*|tx|trx|transaction|database|client|orm|em|edge)(?:\(\))?"
_PRISMA = re.compile(
    rf"^{_CLIENT}\.(?P<model>[a-z]\w*)\.(?:(?P<read>find(?:Unique|First)(?:OrThrow)?|findMany|count|aggregate|groupBy)"
    r"|(?P<write>create|createMany|createManyAndReturn|update|updateMany|updateManyAndReturn|upsert|delete|deleteMany))$"
)
_DRIZZLE = re.compile(
    rf"^{_CLIENT}\.(?:(?P<read>select|selectDistinct|query\.\w+\.find\w+)|(?P<write>insert|update|delete))$"
)
_MONGOOSE = re.compile(
    r"^(?P<model>[A-Z]\w*[a-z]\w*|\w+(?:Model|Collection|Col)|\w*[dD]b\.\w+)"
    r"\.(?:(?P<read>find|findOne|findById|findAll|findByPk|findAndCountAll|countDocuments|aggregate|exists|distinct)"
    r"|(?P<write>create|insert(?:One|Many)?|update(?:One|Many)?|findByIdAnd\w+|findOneAnd\w+|delete(?:One|Many)|remove"
    r"|bulkWrite|replaceOne|bulkCreate|findOrCreate|destroy|upsert))$"
)
_REPOSITORY = re.compile(
    r"(?:^|\.)(?P<model>[a-zA-Z]\w*?)(?:Repo|Repository)\.(?:(?P<read>find\w*|count\w*|exists?\w*)"
    r"|(?P<write>save|insert\w*|create\w*|update\w*|upsert\w*|delete\w*|remove\w*|softDelete|softRemove))$"
)
# Classes whose `create` makes a value in memory: `SessionCommand.create(…)`, `ExportLogsServiceResponse.create()`.
_NO_MODEL = re.compile(
    r"\w(?:Command|Dto|DTO|Error|Exception|Builder|Factory|Options|Config|Context|Handler|Params|Payload"
    r"|(?:Service|Http|Api|Server)(?:Request|Response))$"
)
_RAW = re.compile(
    r"\.\$(?:(?P<read>queryRaw\w*)|(?P<write>executeRaw\w*))$"
    r"|^(?:\w+\.)*(?:pool|pg|client|conn|connection|knex|db)\.(?P<query>query|execute|raw)$"
)
# The tag of postgres.js, Neon and Vercel before a whole statement; parts of one say nothing.
_TAG = re.compile(r"(?:^|\.)(?:sql|pg|tx|trx|db)$")
_TAGGED = re.compile(
    r"`\s*(?:(?P<read>select\b[^;`]*?\bfrom)|insert\s+into|update|delete\s+from)\s+(?:only\s+)?(?:\w+\.)?\"?(?P<table>\w+)",
    re.IGNORECASE,
)
# SQLite and pg-promise: whether it is a statement, its text says.
_BY_METHOD = re.compile(
    r"^(?:\w+\.)*(?:\w*db|database|sqlite\w*|conn\w*|pgp?|t|tx)\.(?:get|all|run|each|exec|one|none|many|any|oneOrNone)$"
)
_STATEMENT = re.compile(r"\s*(?:(?P<read>select\b)|insert\s+into\b|update\b|delete\s+from\b)", re.IGNORECASE)
_SEND = re.compile(
    r"(?:^|\.)send_?(?:e?mail|sms|message|otp|invite|verification|notification|magic|reset|welcome|template|\w*email)\w*$"
    r"|(?:^|\.)(?:emails\.send|messages\.create|batch\.send|resetPasswordForEmail|signInWithOtp|inviteUserByEmail)$"
    r"|^(?:transporter|mailer|mailgun|sgMail|twilio\w*)\.",
    re.IGNORECASE,
)
_PAY = re.compile(
    r"^(?:\w+\.)*stripe\w*\.(?:checkout|paymentIntents|subscriptions|refunds|customers|invoices|transfers|payouts|charges"
    r"|billingPortal|setupIntents)\.(?:\w+\.)?(?:create|update|cancel|del|pay|capture|confirm)\w*$"
)
_MODEL = re.compile(
    r"(?:completions\.create|responses\.create|images\.generate|embeddings\.create|generateContent|audio\.\w+\.create)$"
)
_MODEL_LIBRARY = {"generateText", "streamText", "generateObject", "streamObject", "embed", "embedMany", "generateImage"}
_SIGN_IN = re.compile(
    r"\.auth\.(?:signInWith\w+|signUp|signIn|refreshSession|verifyOtp|resetPasswordForEmail|resend"
    r"|exchangeCodeForSession|admin\.(?:createUser|generateLink))$"
    r"|(?:^|\.)(?:signInEmail|signUpEmail|signInWithEmailAndPassword|comparePassword|compareSync)$"
    r"|^(?:bcrypt|argon2)\w*\.(?:compare\w*|verify)$"
)
_ON_ROW = re.compile(r"\.(?:save|remove|destroy|deleteOne|updateOne)$")
# Signs that a method waits for something outside, or hands what it makes to somebody.
_STORES = re.compile(
    r"\b(?:async|await|super|Promise)\b|\.(?:then|save|query|execute|exec|run|insert\w*|create|push|set|put|add)\s*[(`]"
)
_WRITES = re.compile(r"\b(?:insert|update|delete)\b", re.IGNORECASE)
# What functions of the database are called that look something up: `match_documents`, `get_stats`, `hybrid_search`.
_READING = re.compile(r"(?:get|list|search|match|find|fetch|count|read|lookup|is|has|can)_|\w+_search$")
_CHANGING = re.compile(
    r"_(?:and|or|then)_|create|insert|update|upsert|delete|remove|increment|consume|claim|reset|award|grant|mark|next_"
)
_SUPABASE_WRITE = {"insert", "update", "upsert", "delete"}
_SUPABASE = re.compile(r"supabase|admin|client|db|sb", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Effect:
    """`table` is the model or table, empty where the code does not say."""

    kind: str
    call: Call
    table: str = ""


def effects(calls: Iterable[Call]) -> Iterator[Effect]:
    """What the calls do, those that do nothing that matters left out."""
    for call in calls:
        if call.node.type == "call_expression" and (found := _effect(call)) is not None:
            yield found


def _effect(call: Call) -> Effect | None:
    if match := _PRISMA.match(call.name):
        return Effect(READ if match["read"] else WRITE, call, match["model"])
    if (table := supabase_table(call.node)) is not None:
        return _on_supabase(call, table)
    if re.search(r"(?:^|\.)rpc$", call.name):
        name = _first_text(call.node)
        return Effect(READ if _READING.match(name) and not _CHANGING.search(name) else WRITE, call, name)
    if match := _DRIZZLE.match(call.name):
        return Effect(READ if match["read"] else WRITE, call, _drizzle_table(call.node))
    return _by_driver(call) or _service(call)


def _on_supabase(call: Call, table: str) -> Effect | None:
    last = call.name.rsplit(".", 1)[-1]
    if last in _SUPABASE_WRITE:
        return Effect(WRITE, call, table)
    return Effect(READ, call, table) if last == "select" and not _written(call.node) else None


def _by_driver(call: Call) -> Effect | None:
    """Mongoose and the drivers, and raw SQL."""
    if _is_factory(call):
        return None
    if (match := _MONGOOSE.match(call.name)) and not _NO_MODEL.search(match["model"]):
        known = not isinstance(call.target, External) or call.target.package in {"mongoose", "mongodb"}
        return Effect(READ if match["read"] else WRITE, call, match["model"]) if known else None
    if match := _REPOSITORY.search(call.name):
        return Effect(READ if match["read"] else WRITE, call, match["model"])
    if _ON_ROW.search(call.name) and (table := _model_of(call)):
        return Effect(WRITE, call, table)
    return _raw(call)


def _raw(call: Call) -> Effect | None:
    """Statements of SQL, as the text or the template that a call is given."""
    if _TAG.search(call.name) and (match := _TAGGED.match(text_of(call.node.child_by_field_name("arguments")))):
        return Effect(READ if match["read"] else WRITE, call, match["table"])
    if match := _RAW.search(call.name):
        write = match["write"] or (match["query"] and _WRITES.search(text_of(call.node)))
        return Effect(WRITE if write else READ, call)
    if _BY_METHOD.search(call.name) and (match := _STATEMENT.match(statement(call.node))):
        return Effect(READ if match["read"] else WRITE, call)
    return None


def _is_factory(call: Call) -> bool:
    """`Ticket.create(…)` of a class of the repository that only makes an object."""
    target = call.target if call.name.endswith(".create") else None
    if not isinstance(target, Site) or target.node.type != "method_definition":
        return False
    return _STORES.search(text_of(target.node)) is None


def _model_of(call: Call) -> str:
    """The model of `new Note({…}).save()`, or of a row that was found or made before: `note.save()`."""
    held = call.name.rsplit(".", 1)[0]
    if made := re.match(r"\(?new\s+([A-Z]\w*)", held):
        return made[1]
    if not re.fullmatch(r"\w+", held):
        return ""
    around: Node | None = call.node
    while around is not None and around.parent is not None and around.parent.type != "program":
        around = around.parent
    name = re.escape(held)
    found = re.search(
        rf"\b{name}\s*=\s*(?:await\s+)?(?:new\s+)?([A-Z]\w*)(?:\.find\w*|\.create)?\("
        rf"|\b([A-Z]\w*)\s*\.\s*find\w*\([^;{{}}]{{0,200}}\(\s*\w+\s*,\s*{name}\s*\)",
        text_of(around),
    )
    return (found[1] or found[2]) if found else ""


def _service(call: Call) -> Effect | None:
    if _SIGN_IN.search(call.name):
        return Effect(SIGN_IN, call)
    if _PAY.match(call.name):
        return Effect(PAY, call)
    from_ai = isinstance(call.target, External) and call.target.package == "ai" and call.target.last in _MODEL_LIBRARY
    if _MODEL.search(call.name) or from_ai:
        return Effect(MODEL, call)
    return Effect(SEND, call) if _SEND.search(call.name) else None


def supabase_table(node: Node) -> str | None:
    """The table of `client.from('t').select(…)…`; None when the call is no part of such a chain."""
    current: Node | None = node
    while current is not None and current.type in {"call_expression", "member_expression", "await_expression"}:
        if current.type == "call_expression":
            function = current.child_by_field_name("function")
            if function is None or function.type != "member_expression":
                return None
            held = function.child_by_field_name("object")
            if text_of(function.child_by_field_name("property")) == "from" and held is not None:
                given = arguments_of(current)
                return (string_of(given[0]) or "") if given and _is_supabase(text_of(held)) else None
            current = held
        else:
            inner = unwrap(current) if current.type == "await_expression" else current.child_by_field_name("object")
            current = inner if inner != current else None
    return None


def _is_supabase(held: str) -> bool:
    if re.search(r"createClient|createServerClient|supabase\w*\(|\.schema\(", held):
        return True
    return bool(_SUPABASE.search(held[-60:])) and not held.endswith((")", "Array", "Buffer"))


def chained(node: Node) -> list[tuple[str, list[Node]]]:
    """The methods called on a value after one call, with their arguments: `.eq('id', id)`, `.limit(10)`."""
    found = []
    current = node
    while (member := current.parent) is not None and member.type == "member_expression":
        call = member.parent
        if call is None or call.type != "call_expression" or call.child_by_field_name("function") != member:
            break
        found.append((text_of(member.child_by_field_name("property")), arguments_of(call)))
        current = call
    return found


def _written(node: Node) -> bool:
    """Whether a `select` only gives back what an `insert` or `update` before it wrote."""
    function = node.child_by_field_name("function")
    held = function.child_by_field_name("object") if function is not None else None
    return bool(held is not None and re.search(r"\.(?:insert|update|upsert|delete)\s*\(", text_of(held)))


def _first_text(node: Node) -> str:
    given = arguments_of(node)
    return (string_of(given[0]) or "") if given else ""


def _drizzle_table(node: Node) -> str:
    given = arguments_of(node)
    if given and given[0].type in {"identifier", "member_expression"}:
        return text_of(given[0]).rsplit(".", 1)[-1]
    return next((text_of(found[0]) for name, found in chained(node) if name == "from" and found), "")
