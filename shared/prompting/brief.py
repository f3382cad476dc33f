"""From a collector's profile to a brief: the artist's options, each weighted for this one collector, with its reason.

What a collector wrote ends here. A brief holds names and descriptions of the DNA, numbers, and sentences of the
artist's; there is no field that could carry a word of theirs onwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from shared.collection.dna import Dna
from shared.collection.rules import Rule, Targets, When
from shared.messages import Brief, Forbidden, Option, TraitOptions
from shared.profile.features import Features, measure, ranked
from shared.profile.fields import TEXTS, ConsentField
from shared.profile.sources import Profile
from shared.prompting.boxes import only, standing

OWN_CHOICE = "The artist's own choice."
LIKED = "You said that you like it."
NEAR_WORDS: Mapping[str, str] = {
    "preferences.text": "Close to what you wrote.",
    "social.posts": "Close to what you post about.",
}
MAX_WEIGHT = 1e12
CERTAIN, BARELY = float("inf"), 1.000001
USED_UP = "No more of these may be pulled."

Closed = AbstractSet[tuple[str, str]]
"""(trait, value) whose quota is used up."""


@dataclass(slots=True)
class _Weight:
    """One option while it is weighed: the strongest push gives the reason, every push leaves its field."""

    weight: float
    reason: str = OWN_CHOICE
    strongest: float = 1.0
    fields: list[ConsentField] = field(default_factory=list)

    def push(self, by: float, reason: str, source: ConsentField) -> None:
        """`by` times as likely."""
        if by > 1:
            self.weight = min(self.weight * by, MAX_WEIGHT)
            self.note(by, reason, source)

    def note(self, strength: float, reason: str, source: ConsentField) -> None:
        if source not in self.fields:
            self.fields.append(source)
        if strength > self.strongest:
            self.strongest, self.reason = strength, reason


Push = tuple[str, str, float, str, ConsentField]
"""(trait, value, how many times as likely, the reason, the field that it rests on)."""


class Leanings:
    """What one profile moves in one DNA: read once, however many plans are drawn from it."""

    def __init__(self, collection: Dna, profile: Profile) -> None:
        self._collection = collection
        self._features = measure(collection, profile)
        self._standing = tuple(standing(collection))
        self._fired = tuple(fired(collection, profile, self._features))
        self._steered = tuple(_steered(collection, profile, self._features))

    def brief(self, seed: str, *, closed: Closed = frozenset()) -> Brief:
        """With the same DNA, profile and arguments the same brief comes out.

        Values in `closed` get weight 0. A rule that insists on nothing but closed values is dropped when the DNA says
        `when_full: fallback`, and otherwise stays: the planner then reports that no plan is left.
        """
        weights, forbidden = self._weigh(closed)
        return Brief(
            traits=tuple(
                TraitOptions(
                    trait=name,
                    options=tuple(
                        Option(value=value, weight=one.weight, describes=trait.values[value].prompt, reason=one.reason)
                        for value, one in weights[name].items()
                    ),
                )
                for name, trait in self._collection.traits.items()
            ),
            forbidden=tuple(forbidden),
            seed=seed,
            features=dict(self._features.scaled),
        )

    def evidence(self, values: Mapping[str, str]) -> dict[str, tuple[ConsentField, ...]]:
        """For each trait of a plan the shared fields that made its value likelier; none for the artist's own choice.

        A reason may be told to others only where all of these were consented to as public.
        """
        weights, _ = self._weigh(frozenset())
        return {trait: tuple(weights[trait][value].fields) for trait, value in values.items()}

    def _weigh(self, closed: Closed) -> tuple[dict[str, dict[str, _Weight]], list[Forbidden]]:
        collection = self._collection
        weights = {
            name: {value: _Weight(said.weight) for value, said in trait.values.items()}
            for name, trait in collection.traits.items()
        }
        forbidden = list(self._standing)
        for rule, targets, because, source, share in self._fired:
            if rule.strength == "must" and collection.when_full == "fallback" and _all_closed(targets, closed):
                continue
            if rule.strength == "must":
                forbidden.extend(only(collection, rule.name, targets))
            for trait, values in targets.items():
                # Insisting on one value outdoes every likelihood as a reason; on several it is the weakest one.
                insists = CERTAIN if len(values) == 1 else BARELY
                for value in values:
                    if rule.strength == "must":
                        weights[trait][value].note(insists, because, source)
                    else:
                        weights[trait][value].push(1 + (rule.factor - 1) * share, because, source)
        for trait, value, by, reason, source in self._steered:
            weights[trait][value].push(by, reason, source)
        for trait, value in closed:
            if value in weights.get(trait, {}):
                weights[trait][value].weight = 0.0
                weights[trait][value].reason = USED_UP
        return weights, forbidden


def brief(collection: Dna, profile: Profile, seed: str, *, closed: Closed = frozenset()) -> Brief:
    """The brief for one collector, where one is all that is wanted of them."""
    return Leanings(collection, profile).brief(seed, closed=closed)


def _all_closed(targets: Targets, closed: Closed) -> bool:
    return any(all((trait, value) in closed for value in values) for trait, values in targets.items())


Fired = tuple[Rule, Targets, str, ConsentField, float]


def fired(collection: Dna, profile: Profile, features: Features) -> Iterator[Fired]:
    """The rules that hold: what they aim at, what they tell, the field they rest on, and how far they go (0 to 1)."""
    for rule in collection.rules:
        if rule.when.rank is not None:
            case = ranked(profile, rule.when.rank, tuple(rule.cases))
            if case is not None:
                yield rule, rule.cases[case], rule.because.replace("{case}", case), rule.when.rank.of, 1.0
        elif (share := _holds(rule.when, features)) is not None and rule.when.feature is not None:
            yield rule, rule.then, rule.because, collection.features[rule.when.feature].field, share


def _holds(when: When, features: Features) -> float | None:
    """How far a condition on a feature holds: 1 within its bounds, in proportion without them, None if not at all."""
    raw = features.raw.get(when.feature or "")
    if raw is None or when.feature is None:
        return None
    if when.bounds is None:
        return features.scaled[when.feature] or None
    low, high = when.bounds
    return 1.0 if low <= raw <= high else None


def _steered(collection: Dna, profile: Profile, features: Features) -> Iterator[Push]:
    """Likes and free text: each makes a value at most as many times likelier as the DNA allows it."""
    limit = collection.steered_by.get("preferences.likes")
    if limit is not None:
        for trait, values in (profile.read("preferences.likes") or {}).items():
            for value in values:
                if trait in collection.traits and value in collection.traits[trait].values:
                    yield trait, value, limit, LIKED, "preferences.likes"
    for source in TEXTS:
        limit, text = collection.steered_by.get(source), features.texts.get(source)
        if limit is None or text is None:
            continue
        values = tuple(collection.each_value())
        shares = text.nearness_of_each(tuple((said.prompt, *said.words) for _, _, said in values))
        for (trait, value, _), share in zip(values, shares, strict=True):
            yield trait, value, 1 + (limit - 1) * share, NEAR_WORDS[source], source
