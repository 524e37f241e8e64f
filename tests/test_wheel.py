"""The wheel, built from the sdist and installed in a fresh environment, scans from an empty directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _run(*command: str | Path, cwd: Path, code: int = 0) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    answer = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=environment, timeout=600)
    assert answer.returncode == code, answer.stdout + answer.stderr
    return answer.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--outdir", target, "--no-isolation", ROOT, cwd=target)
    assert list(target.glob("*.tar.gz"))
    return next(target.glob("*.whl"))


def test_the_wheel_works_from_an_empty_directory(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    # The dependencies come from this environment: installing them again would only test the network.
    _run(python, "-m", "pip", "install", "--quiet", "--no-deps", wheel, cwd=tmp_path)
    site = next((environment / "lib").glob("python*/site-packages"))
    inherited = [path for path in sys.path if path.endswith("site-packages")]
    (site / "inherited.pth").write_text("\n".join(inherited))
    # An editable install of this repository would hide what the wheel lacks.
    (site / "zz_wheel_first.pth").write_text(f"import sys; sys.path.insert(0, {str(site)!r})\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    where = _run(python, "-c", "import auditor; print(auditor.__file__)", cwd=empty)
    assert where.startswith(str(site))
    _run(environment / "bin" / "backend-audit", "scan", ".", cwd=empty, code=5)
    output = "json=report.json"
    _run(
        environment / "bin" / "backend-audit",
        "scan",
        ROOT / "fixtures" / "leaky",
        "-o",
        output,
        "-o",
        "html=r.html",
        cwd=empty,
        code=1,
    )
    assert json.loads((empty / "report.json").read_text())["findings"]
    assert "rls-disabled" in _run(environment / "bin" / "backend-audit", "rules", cwd=empty)
