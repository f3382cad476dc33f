from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from shared.collection import store
from shared.collection.load import read_folder
from shared.errors import Rejected
from shared.messages import Prompt, RenderJob
from shared.ports.blobs import Blobs
from shared.ports.blobs.folder import FolderBlobs
from shared.ports.renderer.painter import PainterRenderer
from tests.ports.renderer_behaviour import RendererBehaviour
from tests.ports.virtual_clock import VirtualClock

EXAMPLE = Path(store.__file__).parent / "examples" / "weather-portraits"


class TestPainter(RendererBehaviour):
    @pytest.fixture
    def blobs(self, tmp_path: Path) -> Iterator[Blobs]:
        with closing(FolderBlobs.open(f"folder://{tmp_path}/blobs", clock=VirtualClock())) as blobs:
            yield blobs

    @pytest.fixture
    def renderer(self, tmp_path: Path) -> Iterator[PainterRenderer]:
        url = f"painter://?blobs={quote(f'folder://{tmp_path}/blobs', safe='')}"
        with closing(PainterRenderer.open(url, clock=VirtualClock())) as renderer:
            yield renderer

    @pytest.fixture
    def job(self, blobs: Blobs) -> RenderJob:
        draft = read_folder(EXAMPLE)
        values = {trait: next(iter(said.values)) for trait, said in draft.collection.traits.items()}
        return RenderJob(
            job_id="ab" * 32 + "-1",
            collection_digest=store.publish(draft, blobs),
            values=values,
            prompt=Prompt(positive="a city", negative="text"),
            seed=7,
            width_px=128,
            height_px=128,
        )

    def test_only_squares_are_painted(self, renderer: PainterRenderer, job: RenderJob) -> None:
        with pytest.raises(Rejected, match="square"):
            renderer.submit(job.model_copy(update={"height_px": 256}))

    def test_a_painting_lives_in_its_call(self, renderer: PainterRenderer, job: RenderJob) -> None:
        assert not renderer.alive(renderer.submit(job))
