"""Routes that a contract of ts-rest declares, and the functions that answer them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.guarded import endpoint_rows
from auditor.facts.inventory import find_endpoints
from auditor.sources.code import read_code
from auditor.sources.repository import read_repository
from tests.running import write

if TYPE_CHECKING:
    from pathlib import Path

_CONTRACT = """import { initContract } from '@ts-rest/core'
import { z } from 'zod'
const c = initContract()
const users = c.router({
  me: { method: 'GET', path: '/me', responses: { 200: c.type() } },
}, { pathPrefix: '/users' })
export const contract = c.router({
  notes: c.router({
    add: { method: 'POST', path: '/notes', body: z.object({ text: z.string() }), responses: { 201: c.type() } },
    put: c.mutation({ method: 'PUT', path: '/notes/:id', body: c.type(), responses: { 200: c.type() } }),
  }),
  users,
}, { pathPrefix: '/v1' })
"""
_EXPRESS = """import express from 'express'
import { createExpressEndpoints, initServer } from '@ts-rest/express'
import { contract } from './contract'
import { signedIn } from './guard'
import { users } from './users'
const app = express()
const s = initServer()
const notes = s.router(contract.notes, {
  add: async ({ body }) => ({ status: 201, body: await save(body) }),
  put: { middleware: [signedIn], handler: async ({ body }) => ({ status: 200, body: await save(body) }) },
})
app.use('/api/v1/users', signedIn)
const api = express.Router()
app.use('/api', api)
createExpressEndpoints(contract, s.router(contract, { notes, users }), api)
app.listen(3000)
"""
_USERS = """import { initServer } from '@ts-rest/express'
import { contract } from './contract'
export const users = initServer().router(contract.users, {
  me: async ({ req }) => ({ status: 200, body: req.user }),
})
"""
_GUARD = """export const signedIn = (req, res, next) => {
  if (!req.headers.authorization) return res.status(401).end()
  next()
}
"""
_NEST = """import { Controller, UseGuards } from '@nestjs/common'
import { tsRestHandler, TsRestHandler, TsRest } from '@ts-rest/nest'
import { AuthGuard } from '@nestjs/passport'
import { contract } from './contract'
@Controller()
export class Notes {
  @UseGuards(AuthGuard('jwt'))
  @TsRestHandler(contract.notes)
  async handler() {
    return tsRestHandler(contract.notes, {
      add: async ({ body }) => ({ status: 201, body: await this.notes.add(body) }),
      put: async ({ params }) => ({ status: 200, body: params }),
    })
  }
  @TsRest(contract.users.me)
  async me() { return { status: 200, body: {} } }
}
"""


def listed(root: Path, package: str, files: dict[str, str]) -> dict[str, tuple[str, str, str]]:
    """Place, authentication and inputs with a schema of each endpoint."""
    given = {"package.json": f'{{"dependencies": {{{package}}}}}', "src/contract.ts": _CONTRACT, **files}
    repository = read_repository(write(root, given))
    found = find_endpoints(read_code(repository), repository.files, repository.text, repository.units)
    rows = {}
    for row in endpoint_rows(found):
        place = f"{row.where.path}:{row.where.line}" if row.where else ""
        seen = ",".join(each.source for each in row.inputs if each.presence.value == "present")
        rows[f"{row.method} {row.path}"] = (place, row.controls["auth"].presence.value, seen)
    return rows


def test_a_contract_that_express_serves(tmp_path: Path) -> None:
    files = {"src/app.ts": _EXPRESS, "src/users.ts": _USERS, "src/guard.ts": _GUARD}
    assert listed(tmp_path, '"express": "5", "@ts-rest/express": "3"', files) == {
        "POST /api/v1/notes": ("src/app.ts:9", "absent", "json"),
        "PUT /api/v1/notes/:id": ("src/app.ts:10", "present", ""),
        "GET /api/v1/users/me": ("src/users.ts:4", "present", ""),
    }


def test_a_contract_that_controllers_of_nest_answer(tmp_path: Path) -> None:
    files = {"src/notes.controller.ts": _NEST}
    assert listed(tmp_path, '"@nestjs/common": "11", "@ts-rest/nest": "3"', files) == {
        "POST /v1/notes": ("src/notes.controller.ts:11", "present", "json"),
        "PUT /v1/notes/:id": ("src/notes.controller.ts:12", "present", ""),
        "GET /v1/users/me": ("src/notes.controller.ts:16", "absent", ""),
    }
