"""A policy's predicate as a small tree of terms, made from PostgreSQL's own grammar; casts are left out.

`pg_get_expr` writes columns of the policy's own table bare at the top level and `table.column` below a sub-select,
where every other column carries the alias of its relation. So whose column it is can be read from the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from auditor.facts.deep_syntax import parse_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

NULL = "null"


@dataclass(frozen=True, slots=True)
class Source:
    """A relation that a sub-select reads, `schema.name` or the bare name, and the alias it goes by there."""

    alias: str
    relation: str


@dataclass(frozen=True, slots=True)
class Term:
    """One node of a predicate; `kind` is one of these.

    `and or not`, `const` (name is its text, `null`, `true`), `own` (a column of the policy's table), `column`
    (`alias.name`), `call` (function), `op` (operator), `any all in` (operator, tested, list or select), `null notnull`,
    `true nottrue false notfalse`, `distinct`, `exists scalar`, `select`, `case`, `coalesce`, `nullif`, `param`, `list`,
    `value` (`current_user` and its like), `other`.
    """

    kind: str
    name: str = ""
    args: tuple[Term, ...] = ()
    sources: tuple[Source, ...] = ()
    where: Term | None = None
    limited: bool = False

    def walk(self) -> Iterator[Term]:
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def children(self) -> tuple[Term, ...]:
        return (*self.args, self.where) if self.where else self.args

    @property
    def own_columns(self) -> frozenset[str]:
        return frozenset(term.name for term in self.walk() if term.kind == "own")

    @property
    def calls(self) -> frozenset[str]:
        return frozenset(term.name for term in self.walk() if term.kind == "call")

    @property
    def relations(self) -> frozenset[str]:
        return frozenset(source.relation for term in self.walk() for source in term.sources)


def bare_name(relation: str) -> str:
    return relation.rpartition(".")[2]


@cache
def terms_of(predicate: str, table: str = "") -> Term | None:
    """The predicate of a policy on `table` (its bare name); None where it does not parse."""
    import postgast

    try:
        parsed = parse_tree(f"select {predicate}")
    except postgast.PgQueryError:
        return None
    return _Reader(table).term(parsed.stmts[0].stmt.select_stmt.target_list[0].res_target.val)


@cache
def query_of(text: str) -> Term | None:
    """A query as a `select` term; None where it is no single query."""
    import postgast

    try:
        parsed = parse_tree(text)
    except postgast.PgQueryError:
        return None
    if len(parsed.stmts) != 1 or parsed.stmts[0].stmt.WhichOneof("node") != "select_stmt":
        return None
    return _Reader("").select(parsed.stmts[0].stmt.select_stmt)


def read_term(node: Any) -> Term:  # noqa: ANN401 - a protobuf Node
    """An expression of a function's body, where every column or variable stays as it is written."""
    return _Reader("").term(node)


class _Reader:
    """Turns grammar nodes into terms; `scopes` are the aliases of the sub-selects around."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.scopes: list[set[str]] = []

    def term(self, node: Any) -> Term:  # noqa: ANN401 - a protobuf Node
        kind = node.WhichOneof("node") or ""
        read = getattr(self, f"_{kind}", None)
        return read(getattr(node, kind)) if read else Term("other", kind, self._parts(node))

    def terms(self, nodes: Any) -> tuple[Term, ...]:  # noqa: ANN401 - a list of protobuf Nodes
        return tuple(self.term(node) for node in nodes)

    def _parts(self, message: Any) -> tuple[Term, ...]:  # noqa: ANN401 - any protobuf message
        """The terms somewhere below a node that has no reading of its own."""
        found: list[Term] = []
        for field, value in message.ListFields():
            if field.message_type is None:
                continue
            for child in [value] if hasattr(value, "ListFields") else value:
                found += [self.term(child)] if type(child).__name__ == "Node" else self._parts(child)
        return tuple(found)

    def _type_cast(self, node: Any) -> Term:  # noqa: ANN401
        inner = self.term(node.arg)
        name = node.type_name.names[-1].string.sval if node.type_name.names else ""
        if inner.kind == "const" and name == "bool":
            return Term("const", "true" if inner.name.lower() in {"t", "true", "1", "yes", "on"} else "false")
        return inner

    def _a_const(self, node: Any) -> Term:  # noqa: ANN401
        if node.isnull:
            return Term("const", NULL)
        match node.WhichOneof("val"):
            case "boolval":
                return Term("const", "true" if node.boolval.boolval else "false")
            case "sval":
                return Term("const", f"'{node.sval.sval}'")
            case "ival":
                return Term("const", str(node.ival.ival))
        return Term("const", node.fval.fval)

    def _bool_expr(self, node: Any) -> Term:  # noqa: ANN401
        name = ("", "and", "or", "not")[node.boolop]
        return Term(name, "", self.terms(node.args))

    def _column_ref(self, node: Any) -> Term:  # noqa: ANN401
        names = [part.string.sval or "*" for part in node.fields]
        if len(names) == 1:
            return Term("column", f".{names[0]}") if self.scopes or not self.table else Term("own", names[0])
        qualifier, column = names[-2:]
        inner = any(qualifier in scope for scope in self.scopes)
        if qualifier == self.table and not inner:
            return Term("own", column)
        return Term("column", f"{qualifier}.{column}")

    def _func_call(self, node: Any) -> Term:  # noqa: ANN401
        name = ".".join(part.string.sval for part in node.funcname)
        return Term("call", name.removeprefix("pg_catalog."), self.terms(node.args))

    def _a_expr(self, node: Any) -> Term:  # noqa: ANN401
        operator = node.name[-1].string.sval
        kind = node.DESCRIPTOR.fields_by_name["kind"].enum_type.values_by_number[node.kind].name
        sides = self.terms(getattr(node, name) for name in ("lexpr", "rexpr") if node.HasField(name))
        named = {
            "AEXPR_OP_ANY": "any",
            "AEXPR_OP_ALL": "all",
            "AEXPR_IN": "in",
            "AEXPR_NULLIF": "nullif",
            "AEXPR_DISTINCT": "distinct",
            "AEXPR_NOT_DISTINCT": "notdistinct",
        }
        return Term(named.get(kind, "op"), operator, sides)

    def _list(self, node: Any) -> Term:  # noqa: ANN401
        return Term("list", "", self.terms(node.items))

    def _a_array_expr(self, node: Any) -> Term:  # noqa: ANN401
        return Term("list", "", self.terms(node.elements))

    def _null_test(self, node: Any) -> Term:  # noqa: ANN401
        return Term("notnull" if node.nulltesttype == 2 else "null", "", (self.term(node.arg),))  # noqa: PLR2004 - IS_NOT_NULL

    def _boolean_test(self, node: Any) -> Term:  # noqa: ANN401
        names = ("", "true", "nottrue", "false", "notfalse", "null", "notnull")
        return Term(names[node.booltesttype], "", (self.term(node.arg),))

    def _coalesce_expr(self, node: Any) -> Term:  # noqa: ANN401
        return Term("coalesce", "", self.terms(node.args))

    def _sqlvalue_function(self, node: Any) -> Term:  # noqa: ANN401
        name = node.DESCRIPTOR.fields_by_name["op"].enum_type.values_by_number[node.op].name
        return Term("value", name.removeprefix("SVFOP_").lower())

    def _param_ref(self, node: Any) -> Term:  # noqa: ANN401
        return Term("param", str(node.number))

    def _collate_clause(self, node: Any) -> Term:  # noqa: ANN401
        return self.term(node.arg)

    def _sub_link(self, node: Any) -> Term:  # noqa: ANN401
        kind = node.DESCRIPTOR.fields_by_name["sub_link_type"].enum_type.values_by_number[node.sub_link_type].name
        select = self.select(node.subselect.select_stmt)
        if kind == "EXISTS_SUBLINK":
            return Term("exists", "", (select,))
        if kind in {"ANY_SUBLINK", "ALL_SUBLINK"}:
            operator = node.oper_name[-1].string.sval if node.oper_name else "="
            return Term("in" if kind == "ANY_SUBLINK" else "all", operator, (self.term(node.testexpr), select))
        if kind == "ARRAY_SUBLINK":
            return Term("other", "array", (select,))
        bare = not select.sources and not select.where and len(select.args) == 1
        return select.args[0] if bare else Term("scalar", "", (select,))  # `(select auth.uid())` is auth.uid()

    def select(self, node: Any) -> Term:  # noqa: ANN401
        if node.HasField("larg"):
            return Term("select", "set", (self.select(node.larg), self.select(node.rarg)))
        sources = tuple(self._sources(node.from_clause))
        self.scopes.append({source.alias for source in sources})
        targets = tuple(self.term(item.res_target.val) for item in node.target_list)
        inner = [self.select(cte.common_table_expr.ctequery.select_stmt) for cte in node.with_clause.ctes]
        inner += [part for item in node.from_clause for part in self._nested(item)]
        tests = [self.term(node.where_clause)] if node.HasField("where_clause") else []
        tests += [test for item in node.from_clause for test in self._joined(item)]
        self.scopes.pop()
        where = Term("and", "", tuple(tests)) if len(tests) > 1 else tests[0] if tests else None
        name = "grouped" if node.group_clause or inner or node.values_lists else ""
        return Term("select", name, (*targets, *inner), sources, where, limited=node.HasField("limit_count"))

    def _sources(self, items: Any) -> Iterator[Source]:  # noqa: ANN401
        for item in items:
            match item.WhichOneof("node"):
                case "range_var":
                    table = item.range_var
                    name = f"{table.schemaname}.{table.relname}" if table.schemaname else table.relname
                    yield Source(table.alias.aliasname or table.relname, name)
                case "join_expr":
                    yield from self._sources((item.join_expr.larg, item.join_expr.rarg))
                case "range_subselect":
                    yield Source(item.range_subselect.alias.aliasname, "")
                case "range_function":
                    yield Source(item.range_function.alias.aliasname, "")

    def _nested(self, item: Any) -> Iterator[Term]:  # noqa: ANN401
        match item.WhichOneof("node"):
            case "join_expr":
                yield from (*self._nested(item.join_expr.larg), *self._nested(item.join_expr.rarg))
            case "range_subselect":
                yield self.select(item.range_subselect.subquery.select_stmt)
            case "range_function":
                yield from self._parts(item.range_function)

    def _joined(self, item: Any) -> Iterator[Term]:  # noqa: ANN401
        if item.WhichOneof("node") == "join_expr":
            yield from (*self._joined(item.join_expr.larg), *self._joined(item.join_expr.rarg))
            if item.join_expr.HasField("quals"):
                yield self.term(item.join_expr.quals)
