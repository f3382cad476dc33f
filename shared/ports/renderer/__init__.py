"""Renderer: turns a `RenderJob` into pictures.

Promise
- **One job id, one result.** `submit` may be called any number of times with the same job; at most one result is kept.
- Whether it succeeded or failed, a render ends by writing `jobs/{job_id}/result.json`, last, put-if-absent; that
  object alone wakes `judge`. Pictures lie at `jobs/{job_id}/{sha256}.png` before it.
- `submit` returns the platform's id of the call. It may return before the work is done.
- `alive(call)` says whether the platform still works on it; True when it cannot tell (a second bill is worse than
  waiting).

Errors: `Transient` when the platform cannot take the job now; `Rejected` when it never will (the job names an unknown
collection, size or model).
"""

from __future__ import annotations

from typing import Protocol

from shared.messages import RenderJob


class Renderer(Protocol):
    def submit(self, job: RenderJob) -> str: ...

    def alive(self, call: str) -> bool: ...

    def close(self) -> None: ...
