"""Services of a Docker Compose file, with line numbers.

Read from the node graph, where an alias is the node itself: nothing is expanded, so an alias bomb costs nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 60
_NAME = re.compile(r"(?:.*[._-])?(?:docker-)?compose(?:[._-].*)?\.ya?ml")
_ROOT_CAPABILITIES = {"ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "DAC_READ_SEARCH", "SYS_RAWIO"}
_SOCKETS = {"/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/var/run", "/run"}
_VARIABLE = re.compile(r"\$\{(\w+)(?::?-([^{}]*))?(?::?[?+][^{}]*)?\}|\$(\w+)")


class ComposeError(Exception):
    """A file that cannot be read as Compose; the text is the reason."""


@dataclass(frozen=True, slots=True)
class Port:
    """One published port: the address it is bound to (empty: every interface), and the port in the container."""

    address: str
    target: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    line: int
    image: str
    builds: bool
    ports: tuple[Port, ...]
    host_network: int  # the line that says so, 0 where none does
    environment: Mapping[str, str]
    command: str
    env_file: bool
    inherits: str  # the file of a service that this one extends and that is not read here
    powers: tuple[tuple[str, int], ...] = ()  # what gives it the machine, each with its line
    image_line: int = 0


def is_compose(path: str) -> bool:
    return bool(_NAME.fullmatch(path.rsplit("/", 1)[-1].lower()))


def with_defaults(text: str) -> str:
    """Each variable replaced by the default that stands beside it; one without a default stays."""
    return _VARIABLE.sub(lambda m: m[0] if m[2] is None else m[2], text)


def read_services(text: str) -> tuple[Service, ...]:
    """Raises ComposeError. A file without services, such as a fragment that only includes others, has none."""
    root = _root(text)
    table = _entries(root).get("services", root)
    found = _entries(table)
    if table is root:  # the format of the first version: services at the top
        found = {name: node for name, node in found.items() if {"image", "build"} & _entries(node).keys()}
    lines = {key.value: key.start_mark.line + 1 for key, _ in table.value} if isinstance(table, MappingNode) else {}
    return tuple(
        _service(name, lines.get(name, node.start_mark.line + 1), node, found)
        for name, node in found.items()
        if isinstance(node, MappingNode)
    )


def _root(text: str) -> Node | None:
    if len(text) > MAX_CHARACTERS:
        raise ComposeError(f"larger than {MAX_CHARACTERS // 1_000_000} MB")
    if _depth(text) > MAX_DEPTH:
        raise ComposeError(f"nested deeper than {MAX_DEPTH}")
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False
    try:
        node: Node | None = yaml.compose(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        raise ComposeError(f"not valid YAML{place}") from error
    except (RecursionError, ValueError) as error:
        raise ComposeError("not valid YAML") from error
    return node


def _depth(text: str) -> int:
    """An upper bound of the nesting, before the recursive parser sees it."""
    brackets = depth = 0
    for char in re.findall(r"[\[\]{}]", text):
        depth += 1 if char in "[{" else -1
        brackets = max(brackets, depth)
    indents = {len(m[0]) for m in re.finditer(r"^[ ]*(?:[-?:][ ]+)*(?=\S)", text, re.MULTILINE)}
    marks = max((len(m[0].split()) for m in re.finditer(r"^[ ]*(?:[-?:][ ]+)+", text, re.MULTILINE)), default=0)
    return brackets + max(len(indents), marks)


def _entries(node: Node | None, seen: set[int] | None = None) -> dict[str, Node]:
    """The entries of a mapping with its merges; a node already merged has nothing to add, which bounds the work."""
    seen = set() if seen is None else seen
    if not isinstance(node, MappingNode) or id(node) in seen:
        return {}
    seen.add(id(node))
    own: dict[str, Node] = {}
    merged: dict[str, Node] = {}
    for key, value in node.value:
        if getattr(key, "value", None) == "<<":
            for part in value.value if isinstance(value, SequenceNode) else [value]:
                merged = {**_entries(part, seen), **merged} if len(seen) < MAX_DEPTH else merged
        elif isinstance(key, ScalarNode):
            own[key.value] = value
    return {**merged, **own}


def _service(name: str, line: int, node: Node, siblings: Mapping[str, Node]) -> Service:
    table = _entries(node)
    base, inherits = _extended(table.get("extends"), siblings)
    ports = _items(table.get("ports"))
    if base.get("ports") is not None and base.get("ports") is not table.get("ports"):
        ports = [*_items(base["ports"]), *ports]  # Compose joins the lists
    environment = _environment(base.get("environment")) | _environment(table.get("environment"))
    table = {**base, **table}
    mode = table.get("network_mode")
    return Service(
        name=name,
        line=line,
        image=with_defaults(_text(table.get("image"))),
        builds="build" in table,
        ports=tuple(_port(item) for item in ports),
        host_network=mode.start_mark.line + 1 if mode is not None and _text(mode) == "host" else 0,
        environment=environment,
        command=" ".join(_words(table.get("entrypoint")) + _words(table.get("command"))),
        env_file="env_file" in table,
        inherits=inherits,
        powers=tuple(_powers(table)),
        image_line=table["image"].start_mark.line + 1 if "image" in table else line,
    )


def _powers(table: Mapping[str, Node]) -> Iterator[tuple[str, int]]:
    """`privileged`, the machine's processes, capabilities that amount to root, and Docker's socket."""
    flags = {"privileged": "true", "pid": "host", "userns_mode": "host"}
    for name, wanted in flags.items():
        if (node := table.get(name)) is not None and _text(node).lower() == wanted:
            yield f"{name}: {wanted}", node.start_mark.line + 1
    for item in _items(table.get("cap_add")):
        if _text(item).upper().removeprefix("CAP_") in _ROOT_CAPABILITIES:
            yield f"cap_add: {_text(item)}", item.start_mark.line + 1
    for item in _items(table.get("volumes")):
        source = _text(item).partition(":")[0] or _text(_entries(item).get("source"))
        if with_defaults(source).rstrip("/") in _SOCKETS:
            yield f"volume {source}", item.start_mark.line + 1


def _extended(node: Node | None, siblings: Mapping[str, Node]) -> tuple[dict[str, Node], str]:
    """What `extends` brings: a service of the same file, or the name of the other file."""
    entries = _entries(node)
    file, name = _text(entries.get("file")), _text(entries.get("service")) or _text(node)
    return ({}, file) if file else (_entries(siblings.get(name)), "")


def _port(node: Node) -> Port:
    line = node.start_mark.line + 1
    entries = _entries(node)
    if not entries:
        return _short_port(_text(node), line)
    target, published = _text(entries.get("target")), _text(entries.get("published"))
    address = with_defaults(_text(entries.get("host_ip")))
    return Port(address, with_defaults(target), f"{published}:{target}", line)


def _short_port(text: str, line: int) -> Port:
    """`5432`, `5432:5432`, `127.0.0.1:5432:5432`, `[::1]:5432:5432/tcp`, with variables anywhere."""
    plain = with_defaults(text).partition("/")[0]
    held = re.sub(r"\$\{[^{}]*\}", lambda m: m[0].replace(":", "\0"), plain)
    head, _, target = held.rpartition(":")
    address = ""
    if head.startswith("["):
        address = head[1:].partition("]")[0]
    elif ":" in head:
        address = head.rpartition(":")[0]
    elif "." in head:  # 127.0.0.1::5432 without its empty host port
        address = head
    return Port(address.strip("[]").replace("\0", ":"), target, text, line)


def _environment(node: Node | None) -> dict[str, str]:
    if isinstance(node, MappingNode):
        return {key: _text(value) for key, value in _entries(node).items()}
    pairs = (_text(item).partition("=") for item in _items(node))
    return {key: value for key, _, value in pairs}


def _words(node: Node | None) -> list[str]:
    return [_text(item) for item in _items(node)] if isinstance(node, SequenceNode) else [_text(node)]


def _items(node: Node | None) -> list[Node]:
    return list(node.value) if isinstance(node, SequenceNode) else []


def _text(node: Node | None) -> str:
    return str(node.value) if isinstance(node, ScalarNode) else ""
