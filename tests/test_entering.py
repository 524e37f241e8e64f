"""Sign-in, registration, callback and reset: what they check is what was sent, and not who calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.route import endpoint_without_auth
from auditor.facts.inventory import find_endpoints
from auditor.model import State
from auditor.sources.code import read_code
from auditor.sources.repository import read_repository
from tests.running import write

if TYPE_CHECKING:
    from pathlib import Path

_PACKAGE = '{"dependencies": {"express": "5.0.0", "@nestjs/common": "11.0.0", "hono": "4.0.0"}}'
_EXPRESS = """import express from 'express'
import jwt from 'jsonwebtoken'
const app = express()
// A session that is there is no caller who is known.
app.post('/auth/plex', async (req, res) => {
  const user = await find(req.body)
  if (!user) return res.status(403).end()
  if (req.session) { req.session.userId = user.id; res.json(user) }
})
app.post('/reset-password', async (req, res) => {
  const { sub } = jwt.verify(req.body.token, KEY)
  if (!sub) return res.status(401).end()
  await db.user.update({ data: { password: req.body.password } })
})
app.post('/users/requestResetPassword', async (req, res) => {
  await db.user.update({ data: { otp: 1 } })
  res.end()
})
// Whoever adds an account is asked for; so is whoever changes to another one.
app.post('/register', async (req, res) => {
  if (!req.user) return res.status(401).end()
  await db.user.create({ data: req.body })
})
app.post('/auth/switch', async (req, res) => {
  if (!req.session.userId) return res.status(401).end()
  const user = await db.user.findFirst()
  req.session.userId = user.id
  res.json(user)
})
// A conversation has sessions too, and a helper that throws asks who calls.
app.post('/chats', async (req, res) => {
  await known(req)
  res.json(await createSession(req.body))
})
app.post('/sso/join', async (req, res) => {
  await known(req)
  req.session.userId = await join(req.body)
  res.end()
})
async function known(req) {
  const session = await auth.api.getSession({ headers: req.headers })
  if (!session) throw new Error('Unauthorized')
  return session
}
app.listen(3000)
"""
_NEST = """import { Controller, Post, Body, UnauthorizedException } from '@nestjs/common'
@Controller('auth')
export class AuthController {
  constructor(private readonly service: AuthService) {}
  @Post('signIn')
  signIn(@Body() body: SignIn) { return this.service.authenticateUser(body) }
}
export class AuthService {
  async authenticateUser(body) { if (!(await check(body))) throw new UnauthorizedException('no user'); return body }
}
"""
_FLASK = """from flask import Flask, abort, redirect, render_template, request, session
from flask_login import current_user, login_user
app = Flask(__name__)

@app.post("/login")
def login():
    if request.form["name"] not in allowed:
        abort(401)
    login_user(find(request.form))
    if current_user.is_authenticated:
        return redirect("/")
    return render_template("in.html")

@app.post("/sso/callback")
def callback():
    user = find(request.args)
    if user is None:
        abort(401)
    session["user_id"] = user.id
    return redirect("/") if current_user.is_authenticated else render_template("in.html")

@app.post("/act-as")
def act_as():
    if not current_user.is_authenticated:
        abort(401)
    login_user(find(request.form))
    return redirect("/")
"""
_IN, _ASKS = "people sign in here", "refuses requests without a session"


def shown(root: Path, files: dict[str, str]) -> dict[str, str]:
    """Why each endpoint is in order."""
    repository = read_repository(write(root, files))
    code = read_code(repository)
    found = find_endpoints(code, repository.files, repository.text, repository.units)
    given = list(endpoint_without_auth.ask(repository, code, found))
    assert {row.state for row in given} == {State.OK}
    return {row.subject.rpartition(" ")[2]: row.detail.removeprefix("open on purpose: ") for row in given}


def test_what_a_sign_in_of_express_asks(tmp_path: Path) -> None:
    found = shown(tmp_path, {"package.json": _PACKAGE, "src/app.ts": _EXPRESS})
    assert found == {
        "/auth/plex": _IN,
        "/reset-password": _IN,
        "/users/requestResetPassword": _IN,
        "/register": _ASKS,
        "/auth/switch": _ASKS,
        "/chats": "auth.api.getSession",
        "/sso/join": "auth.api.getSession",
    }


def test_a_service_that_checks_the_password_is_no_guard_of_the_sign_in(tmp_path: Path) -> None:
    assert shown(tmp_path, {"package.json": _PACKAGE, "src/auth.controller.ts": _NEST}) == {"/auth/signIn": _IN}


def test_what_a_sign_in_of_flask_asks(tmp_path: Path) -> None:
    found = shown(tmp_path, {"requirements.txt": "flask\n", "app.py": _FLASK})
    assert found == {"/login": _IN, "/sso/callback": _IN, "/act-as": "asks whether the caller is signed in"}
