"""Nearness of texts: words are found in any script, letters alone are not, and size is no advantage."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.profile.similarity import Text, folded


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("I love the sea.", "sea"), ("STORMY nights", "storm"), ("Das Mondlicht über dem Meer", "Mondlicht"),
        ("静かな海と月の光", "海"), ("夜桜を見に行く", "夜桜"), ("أحب البحر", "البحر"), ("Люблю грозу", "гроза"),
        ("ฉันชอบพระจันทร์และทะเล", "พระจันทร์"), ("바다가 좋아요", "바다"), ("ﬁre", "fire"), ("ｓｅａ", "sea"),
        ("Straße", "strasse"), ("s\u200be\u200ba", "sea"),
    ],
)  # fmt: skip
def test_a_word_is_found(text: str, word: str) -> None:
    assert Text([text]).nearness([word]) > 0


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("nausea", "sea"), ("season", "sea"), ("the starter", "tar"), ("山と川", "海"), ("Люблю ліс", "гроза"),
        ("ฉันชอบทะเล", "พระจันทร์"), ("", "sea"), ("   ", "sea"), ("!!!", "sea"), ("sea", ""), ("sea", "?!"),
        ("of the and with a", "a raised gauntlet with the claws of a beast"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_found(text: str, word: str) -> None:
    assert Text([text]).nearness([word]) == 0


def test_an_exact_word_is_as_near_as_can_be_and_a_part_is_less() -> None:
    assert Text(["storm"]).nearness(["storm"]) == 1
    assert 0 < Text(["stormy"]).nearness(["storm"]) < 1
    assert Text(["over the sea"]).nearness(["deep sea over there", "nothing", "sea"]) == 1


def test_a_long_text_is_worth_as_much_as_a_short_one() -> None:
    long = "The weather was fine and we walked for hours, talking of this and that. " * 20
    assert Text([long + "storm"]).nearness(["storm"]) == 1


def test_noise_is_near_to_nothing() -> None:
    chance = random.Random(1)
    noise = " ".join("".join(chance.choices(string.ascii_lowercase, k=5)) for _ in range(330))
    near = [Text([noise]).nearness([word]) for word in ("lighthouse", "moonlight", "serpent", "phoenix", "cathedral")]
    assert max(near) == 0


@given(st.text(max_size=300), st.text(max_size=40))
def test_nearness_is_a_share_and_does_not_depend_on_order(text: str, word: str) -> None:
    near = Text([text]).nearness([word])
    assert 0 <= near <= 1
    assert near == Text([text, text]).nearness([word, word])
    assert folded(folded(text)) == folded(text)


def test_hidden_characters_do_not_split_or_join() -> None:
    assert folded("L\u200be\u202eg\ufeffend") == "legend"
    assert folded("<b>sea</b>;{storm}") == "b sea b storm"
