"""Routes of Elysia through plugins, groups and guards, and what stands before each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.guarded import endpoint_rows
from auditor.facts.inventory import find_endpoints
from auditor.sources.code import read_code
from auditor.sources.repository import read_repository
from tests.running import write

if TYPE_CHECKING:
    from pathlib import Path

_PACKAGE = '{"dependencies": {"elysia": "1.4.0"}}'
_AUTH = """import { Elysia } from 'elysia'
export const signedIn = new Elysia({ name: 'signed-in' })
  .resolve({ as: 'scoped' }, async ({ headers, status }) => {
    const user = await find(headers.authorization)
    if (!user) return status(401, 'Unauthorized')
    return { user }
  })
export const looking = new Elysia({ name: 'looking' })
  .derive({ as: 'global' }, async ({ headers }) => ({ user: headers.authorization ? await find(headers) : null }))
export const kept = new Elysia().onBeforeHandle(({ headers, status }) => {
  if (!headers.authorization) return status(401)
})
export const roles = new Elysia({ name: 'roles' }).macro({
  isAdmin: { resolve({ headers, status }) { if (!isAdmin(headers.authorization)) return status(401) } },
})
export const requireUser = (right) => (app: Elysia) =>
  app.onBeforeHandle(({ headers, set }) => {
    if (!headers.authorization) { set.status = 401; return 'Unauthorized' }
  })
"""
_NOTES = """import { Elysia, t } from 'elysia'
import { signedIn, kept } from './auth'
const Note = { body: t.Object({ text: t.String() }) }
export const notes = new Elysia({ prefix: '/notes' })
  .get('/shown', () => list())
  .use(kept)
  .get('/kept', () => list())
  .use(signedIn)
  .post('/', ({ body }) => save(body), { ...Note })
  .put('/:id', ({ body }) => save(body), { body: t.Any() })
"""
_MORE = """import { Elysia, t } from 'elysia'
import { requireUser, roles } from './auth'
const limited = () => new Elysia({ prefix: '/made' }).use(requireUser('write')).delete('/all', () => clear())
export const more = new Elysia().use(roles).use(limited())
  .guard({ isAdmin: true, query: t.Object({ page: t.Number() }) }, (app) =>
    app.get('/admins', ({ query }) => list(query)))
  .get('/open', ({ query }) => list(query), { isAdmin: false })
"""
_APP = """import { Elysia } from 'elysia'
import { rateLimit } from 'elysia-rate-limit'
import { auth } from './library'
import { looking } from './auth'
import { notes } from './notes'
import { more } from './more'
const app = new Elysia().use(looking).get('/health', () => 'ok').use(rateLimit({ max: 10 }))
app.group('/v1', (app) => app.use(notes).group('/deep', (app) => app.use(more)))
app.mount('/auth', auth.handler)
app.listen(3000)
"""


def controls(root: Path) -> dict[str, tuple[str, str, str]]:
    """Authentication, validation and limit of each endpoint."""
    files = {"src/auth.ts": _AUTH, "src/notes.ts": _NOTES, "src/more.ts": _MORE, "src/index.ts": _APP}
    repository = read_repository(write(root, {"package.json": _PACKAGE, **files}))
    found = find_endpoints(read_code(repository), repository.files, repository.text, repository.units)
    kept = ("auth", "validation", "rate_limit")
    return {
        f"{row.method} {row.path}": tuple(row.controls[name].presence.value for name in kept)  # type: ignore[misc]
        for row in endpoint_rows(found)
    }


def test_routes_and_what_stands_before_them(tmp_path: Path) -> None:
    found = controls(tmp_path)
    assert found.pop("ALL /auth/*")[0] == "unresolved"
    assert found == {
        "GET /health": ("absent", "not_applicable", "absent"),
        # Hooks of another instance stay there, but for those that are shared.
        "GET /v1/notes/shown": ("absent", "not_applicable", "present"),
        "GET /v1/notes/kept": ("absent", "not_applicable", "present"),
        "POST /v1/notes": ("present", "present", "present"),
        "PUT /v1/notes/:id": ("present", "absent", "present"),
        "DELETE /v1/deep/made/all": ("present", "not_applicable", "present"),
        "GET /v1/deep/admins": ("present", "present", "present"),
        "GET /v1/deep/open": ("absent", "absent", "present"),
    }
