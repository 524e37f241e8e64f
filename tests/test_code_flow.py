"""Request data followed through a file: the shapes that a pattern does not see, and the twins that hold no fault."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from auditor.detectors.code_answers import answers
from auditor.detectors.code_sites import judge
from auditor.facts.code_flow import follow
from auditor.facts.code_values import content
from auditor.facts.syntax import parse
from auditor.model import Severity, State
from auditor.sources.code import read_code
from auditor.sources.repository import read_repository
from tests.running import write

if TYPE_CHECKING:
    from pathlib import Path


def _reached(text: str, use: str = "path", name: str = "sink") -> list[bool]:
    """Whether request data reaches each call of `sink`, in the order of the text."""
    language = "python" if text.lstrip().startswith(("def ", "@", "from ", "import ")) else "typescript"
    flow = follow(language, parse(language, text).root_node)
    assert flow is not None
    found: dict[int, bool] = {}
    for event in flow.events:
        if event.kind == "call" and event.name == name:
            found[event.node.start_byte] = found.get(event.node.start_byte, False) or any(
                event.data(content(value), use) for value in event.args
            )
    return [found[key] for key in sorted(found)]


@pytest.mark.parametrize(
    ("body", "reached"),
    [
        ("let x = 'a'; if (z) x = req.query.a; sink(x);", True),
        ("let x = req.query.a; x = 'b'; sink(x);", False),
        ("const x = 7 * 42 - 86 > 200 ? 'safe' : req.query.a; sink(x);", False),
        ("const x = 7 * 42 - 106 > 200 ? 'safe' : req.query.a; sink(x);", True),
        ("const { a: { b = 'c' } } = req.body; sink(b);", True),
        ("const l = ['a', req.query.a, 'b']; l.shift(); sink(l[0]);", True),
        ("const l = ['a', req.query.a, 'b']; l.shift(); sink(l[1]);", False),
        ("const m = new Map(); m.set('a', 'b'); m.set('c', req.query.a); sink(m.get('c'));", True),
        ("const m = new Map(); m.set('a', 'b'); m.set('c', req.query.a); sink(m.get('a'));", False),
        ("sink([1, 2].map((n) => `${n}${req.query.a}`).join(''));", True),
        ("req.body.names.forEach((name) => sink(name));", True),
        ("sink(Number(req.query.a)); ", False),
        ("if (!NAMES.includes(req.query.a)) return; sink(req.query.a);", False),
        ("if (NAMES.includes(req.query.b)) log(); sink(req.query.b);", True),
        ("switch (req.query.a) { case 'x': sink(req.query.a); break; default: }", False),
        ("switch (req.query.a) { case 'x': break; default: sink(req.query.a); }", True),
        ("assertSafePath(req.query.a); sink(req.query.a);", False),
        ("for (const k of Object.keys(req.query)) { if (k) { x = k; break; } } sink(x);", True),
        ("try { x = req.query.a; } catch (e) { x = 'b'; } sink(x);", True),
        ("sink(helper(req.query.a));", True),
        ("sink(cleaned(req.query.a));", False),
        ("inner(req.query.a);", True),
        ("sink(unknown(req.query.a));", False),
    ],
)
def test_shapes_of_javascript(body: str, reached: bool) -> None:
    helpers = (
        "function helper(v) { return 'a/' + v; }\nfunction cleaned(v) { return v.replace(/[^a-z]/g, ''); }\n"
        "function inner(v) { sink(v); }\n"
    )
    text = f"let x = '';\n{helpers}app.get('/', (req, res) => {{ {body} }});"
    assert any(_reached(text)) is reached


@pytest.mark.parametrize(
    ("body", "reached"),
    [
        ("d = {'a': 'x'}\n    d['b'] = request.args['q']\n    sink(d['a'])", False),
        ("d = {'a': 'x'}\n    d['b'] = request.args['q']\n    sink(d['b'])", True),
        ("sink('%s/%s' % ('a', request.args['q']))", True),
        ("sink('{}'.format(request.form.get('q')))", True),
        (
            (
                "match 'ABC'[1]:\n        case 'A':\n            v = request.args['q']\n"
                "        case _:\n            v = 'x'\n    sink(v)"
            ),
            False,
        ),
        (
            (
                "match 'ABC'[0]:\n        case 'A':\n            v = request.args['q']\n"
                "        case _:\n            v = 'x'\n    sink(v)"
            ),
            True,
        ),
        ("v = request.args['q']\n    if '..' in v:\n        abort(400)\n    sink(v)", False),
        ("v = request.args['q']\n    if not v.isdigit():\n        return ''\n    sink(v)", False),
        ("sink([c for c in request.args['q'] if c])", True),
        ("import io\n    s = io.StringIO()\n    s.write(request.args['q'])\n    sink(s.getvalue())", True),
        ("sink(name)", True),
        ("sink(number)", False),
    ],
)
def test_shapes_of_python(body: str, reached: bool) -> None:
    text = f"from flask import request\n@app.route('/<name>/<int:number>')\ndef view(name, number):\n    {body}\n"
    assert any(_reached(text)) is reached


def test_what_is_too_deep_is_not_known() -> None:
    deep = "x = " + "[" * 3000 + "]" * 3000
    assert follow("javascript", parse("javascript", deep).root_node) is None


def test_endless_work_is_given_up() -> None:
    lines = "\n".join(f"if (a{n}) {{ b{n} = req.query.a; }}" for n in range(3000))
    assert follow("javascript", parse("javascript", lines).root_node) is None


def test_a_file_that_cannot_be_followed_is_unknown(tmp_path: Path) -> None:
    write(tmp_path, {"src/a.js": "const x = " + "[\n" * 3000 + "]" * 3000 + ";\nsink(req.query.a);\n"})
    code = read_code(read_repository(tmp_path))
    rows = list(answers(code, "place", (re.compile("sink"),), lambda *_: None, Severity.LOW))
    assert [(row.subject, row.state) for row in rows] == [("file src/a.js", State.UNKNOWN)]


@pytest.mark.parametrize(
    ("rule", "line", "expected"),
    [
        ("command-injection", "subprocess.run(['sh', '-c', request.args['q']])", True),
        ("command-injection", "subprocess.run(['ping', '-c', request.args['q']])", False),
        ("sql-injection", "cursor.execute('select ' + request.args['q'])", True),
        ("sql-injection", "cursor.execute('select %s', (request.args['q'],))", False),
        ("unsafe-deserialization", "pickle.loads(request.data)", True),
        ("unsafe-deserialization", "yaml.load(request.data, Loader=yaml.SafeLoader)", False),
    ],
)
def test_places_of_semgrep_rules(rule: str, line: str, expected: bool) -> None:
    text = f"import subprocess, pickle, yaml\nfrom flask import request\ndef view():\n    {line}\n"
    flow = follow("python", parse("python", text).root_node)
    assert flow is not None
    judged = [found for event in flow.events if (found := judge(rule, event)) is not None]
    assert [reached for reached, _ in judged] == [expected]


@pytest.mark.parametrize(
    ("body", "reached"),
    [
        ('const quoteValue = (t) => `"${t}"`; sink(quoteValue(req.query.a));', False),
        ("const encodeTerm = (t) => t.trim(); sink(`name.eq.${encodeTerm(req.query.a)}`);", False),
        ("sink(req.query.a.replace(/[,()]/g, ''));", False),
        ("sink(req.query.a.replace(',', ''));", True),  # the first comma only
        ("sink(req.query.a.replace(/[%_]/g, '\\\\$&'));", True),
        ("sink(unescape(req.query.a));", True),
        ("const trimmed = (t) => t.trim(); sink(trimmed(req.query.a));", True),
    ],
)
def test_what_is_quoted_for_a_filter(body: str, reached: bool) -> None:
    assert _reached(f"app.get('/', (req, res) => {{ {body} }});", "filter") == [reached]
