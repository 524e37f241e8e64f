"""Images that a Compose file or a Dockerfile takes in whatever version there is that day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.compose import ComposeError, is_compose, read_services
from auditor.facts.dockerfile import is_dockerfile, read_stages
from auditor.facts.purpose import is_aside, is_for_development
from auditor.model import Answer, FileSpan, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.repository import Repository

_FLOATING = {"", "latest", "main", "master", "edge", "nightly", "canary", "dev", "develop"}


def ask(repository: Repository) -> Iterator[Answer]:
    for path in repository.files:
        if is_aside(path) or is_for_development(path):
            continue
        text = repository.text(path) if is_compose(path) or is_dockerfile(path) else None
        if text is None:
            continue
        try:
            images = _of_compose(text) if is_compose(path) else _of_dockerfile(text)
            yield from (_answer(path, name, image, line) for name, image, line in images)
        except ComposeError as error:
            yield Answer(f"image {path}", State.UNKNOWN, f"the file was not read: {error}", FileSpan(path, 1))


def _of_compose(text: str) -> list[tuple[str, str, int]]:
    """An image that the file builds is its own."""
    return [(s.name, s.image, s.image_line) for s in read_services(text) if s.image and not s.builds]


def _of_dockerfile(text: str) -> list[tuple[str, str, int]]:
    stages = read_stages(text)
    own = {stage.name.lower() for stage in stages}
    found = {stage.base: stage for stage in stages if stage.base.lower() not in {*own, "scratch"}}
    return [(base, base, stage.line) for base, stage in found.items() if not base.isdigit()]


def _answer(path: str, name: str, image: str, line: int) -> Answer:
    subject, place = f"image {path}#{name}", FileSpan(path, line)
    last = image.rpartition("/")[2]
    tag = last.partition(":")[2]
    if "@" in image or "$" in last or tag.lower() not in _FLOATING:
        return Answer(subject, State.OK, f"{image} is of one version", place)
    what = f"{image} is another image after every push" if tag else f"{image} has no tag, which means latest"
    return Answer(subject, State.FAIL, what, place, evidence=tag or "no tag")
