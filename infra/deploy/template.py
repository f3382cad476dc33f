"""The CloudFormation that `osls deploy` would send, without an account, a network or the real zips.

`python -m infra.deploy.template DIR` writes `DIR/{stage}.json` for `dev` and `prod`, for linters to read.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from shared.errors import Defect, Rejected

ROOT = Path(__file__).resolve().parents[2]
SERVERLESS = ROOT / "serverless.yml"
EXAMPLE = {
    "chain_id": "1",
    "rpc": "node.example/v2",
    "pinner_url": "folder:///mnt/blocks",
}
"""What a stage other than dev must be given, made up."""

_TEMPLATE = "cloudformation-template-update-stack.json"
_STATE = "serverless-state.json"


@dataclass(frozen=True)
class Package:
    """What osls sends."""

    template: Mapping[str, Any]
    policy: tuple[Mapping[str, Any], ...]
    """The statements of the stack's policy, which says what an update may not touch."""


def compiled(stage: str, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The stage's template. `parameters` are those of the command line. Raises as `packaged` does."""
    return dict(packaged(stage, parameters).template)


def packaged(stage: str, parameters: Mapping[str, str] | None = None) -> Package:
    """The stage's template and policy.

    Raises: `Rejected` with what osls says is wrong with them; `Defect` when osls is not installed.
    """
    osls = ROOT / "node_modules" / ".bin" / "osls"
    if not osls.exists():
        raise Defect("osls is not installed: run `make setup-dev`")
    given = [word for name, value in (parameters or {}).items() for word in ("--param", f"{name}={value}")]
    with tempfile.TemporaryDirectory(prefix="monoprint-template-") as name:
        folder = Path(name)
        _furnish(folder)
        done = subprocess.run(  # noqa: S603 - the pinned osls
            [str(osls), "package", "--stage", stage, *given],
            cwd=folder,
            env=_environment(folder),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Rejected(f"osls package --stage {stage}: {done.stdout}{done.stderr}".strip())
        made = folder / ".serverless"
        provider = json.loads((made / _STATE).read_bytes())["service"]["provider"]
        return Package(json.loads((made / _TEMPLATE).read_bytes()), tuple(provider.get("stackPolicy", ())))


def _furnish(folder: Path) -> None:
    """All that osls reads, in a folder of its own: it writes beside it. Of the zips only that they are there."""
    shutil.copy(SERVERLESS, folder)
    shutil.copytree(ROOT / "infra" / "deploy", folder / "infra" / "deploy", ignore=shutil.ignore_patterns("*.py*"))
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    for function in yaml.safe_load(SERVERLESS.read_bytes())["functions"].values():
        artifact = folder / function["package"]["artifact"]
        artifact.parent.mkdir(exist_ok=True)
        artifact.touch()


def _environment(folder: Path) -> dict[str, str]:
    """No credentials, no configuration of this machine's user; node from this virtual environment."""
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "HOME": str(folder),
        "AWS_EC2_METADATA_DISABLED": "true",
        "SLS_SCHEMA_CACHE_BASE_DIR": str(ROOT / "node_modules" / ".cache"),  # else in the home: 3 s each time
        "SLS_INTERACTIVE_SETUP_ENABLE": "0",
    }


def main(arguments: list[str]) -> None:
    into = Path(*arguments)
    into.mkdir(parents=True, exist_ok=True)
    for stage, parameters in (("dev", {}), ("prod", EXAMPLE)):
        (into / f"{stage}.json").write_text(json.dumps(compiled(stage, parameters), indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
