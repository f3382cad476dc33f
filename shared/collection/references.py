"""Whether everything that a collection names is there: traits, values, features, substances, roles, placeholders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from shared.collection.problems import Flaw, Loc, one_of
from shared.collection.rules import PLACEHOLDER
from shared.painting.svg import Layer
from shared.painting.vocabulary import SlotMap
from shared.text import printable

if TYPE_CHECKING:
    from shared.collection.rules import Rule, Targets
    from shared.collection.schema import Collection

TOTAL_VALUES = 512
MAX_TITLE = 200


def broken_references(collection: Collection) -> Iterator[Flaw]:
    """Every reference inside the DNA that leads nowhere, or where it may not lead."""
    yield from _roles(collection)
    yield from _template(collection)
    yield from _printed(collection)
    yield from _sold(collection)
    for trait, value, said in collection.each_value():
        here: Loc = ("traits", trait, "values", value)
        for kind, targets in (("requires", said.requires), ("excludes", said.excludes)):
            yield from _targets(collection, (*here, kind), targets, apart_from=trait)
        for other in said.requires.keys() & said.excludes.keys():
            if set(said.requires[other]) <= set(said.excludes[other]):
                yield Flaw((*here, "excludes", other), "all that requires leaves", "some value to be left")
        if isinstance(said.paint, SlotMap):
            for slot, substance in said.paint.slots.items():
                if substance not in collection.substances:
                    wanted = one_of(collection.substances, substance)
                    yield Flaw((*here, "paint", "slots", slot), repr(substance), f"a substance: {wanted}")
    yield from _rules(collection)
    yield from _consent(collection)


def _roles(collection: Collection) -> Iterator[Flaw]:
    played: dict[str, str] = {}
    for name, trait in collection.traits.items():
        if trait.plays is not None:
            if trait.plays in played:
                first = played[trait.plays]
                yield Flaw(("traits", name, "plays"), f"{trait.plays}, which {first!r} plays", "each role played once")
            played.setdefault(trait.plays, name)
    if (count := sum(len(trait.values) for trait in collection.traits.values())) > TOTAL_VALUES:
        yield Flaw(("traits",), f"{count} values", f"at most {TOTAL_VALUES} in all")


def _printed(collection: Collection) -> Iterator[Flaw]:
    """What will stand in metadata and on pages must be printable, and no two names may look the same there."""
    texts: dict[Loc, str] = {(field,): getattr(collection, field) for field in ("name", "artist", "title")}
    texts |= {("rules", at, "because"): rule.because for at, rule in enumerate(collection.rules)}
    names: list[tuple[Loc, str]] = [(("traits", trait), trait) for trait in collection.traits]
    names += [(("traits", trait, "values", value), value) for trait, value, _ in collection.each_value()]
    for loc, text in [*texts.items(), *names]:
        try:
            plain = printable(text)
        except ValueError as error:
            yield Flaw(loc, "text that does not print", str(error).partition(", wanted ")[2] + f" ({error})")
            continue
        if loc[0] == "traits" and plain != text:
            yield Flaw(loc, "a name in another spelling", f"{plain!r} in Unicode's composed form (NFC)")
    try:
        printable(collection.description, lines=True)
    except ValueError as error:
        yield Flaw(("description",), "text that does not print", str(error))
    longest = {trait: max(said.values, key=len) for trait, said in collection.traits.items()}
    title = PLACEHOLDER.sub(lambda match: longest.get(match[1], ""), collection.title)
    if len(title) > MAX_TITLE:
        yield Flaw(("title",), f"up to {len(title)} characters with its values in it", f"at most {MAX_TITLE}")


def _sold(collection: Collection) -> Iterator[Flaw]:
    """Nothing takes payments yet: a price that nobody asks for would be a promise that is not kept."""
    if collection.settlement != "gift":
        yield Flaw(("settlement",), collection.settlement, "gift: payments are not taken yet")
    for field in ("price_wei", "reroll_fee_wei"):
        if getattr(collection, field):
            yield Flaw((field,), str(getattr(collection, field)), "0: payments are not taken yet")


def _template(collection: Collection) -> Iterator[Flaw]:
    templates = {"prompt": collection.prompt, "title": collection.title}
    for field, template in templates.items():
        for name in PLACEHOLDER.findall(template):
            if name not in collection.traits:
                yield Flaw((field,), f"{{{name}}}", f"a trait: {one_of(collection.traits, name)}")
        if set("{}") & set(PLACEHOLDER.sub("", template)):
            yield Flaw((field,), "a single brace", "braces only around the name of a trait")


def _targets(collection: Collection, loc: Loc, targets: Targets, *, apart_from: str | None = None) -> Iterator[Flaw]:
    for trait, values in targets.items():
        if trait not in collection.traits:
            yield Flaw((*loc, trait), repr(trait), f"a trait: {one_of(collection.traits, trait)}")
        elif trait == apart_from:
            yield Flaw((*loc, trait), "its own trait", "values of other traits")
        else:
            known = collection.traits[trait].values
            for i, value in enumerate(values):
                if value not in known:
                    yield Flaw((*loc, trait, i), repr(value), f"a value of {trait!r}: {one_of(known, value)}")


def _rules(collection: Collection) -> Iterator[Flaw]:
    names: set[str] = set()
    for i, rule in enumerate(collection.rules):
        loc: Loc = ("rules", i)
        if rule.name in names:
            yield Flaw((*loc, "name"), f"{rule.name!r} twice", "a name of its own for each rule")
        names.add(rule.name)
        if rule.when.feature is not None and rule.when.feature not in collection.features:
            wanted = one_of(collection.features, rule.when.feature)
            yield Flaw((*loc, "when", "feature"), repr(rule.when.feature), f"a feature: {wanted}")
        yield from _rule_targets(collection, loc, rule)


def _rule_targets(collection: Collection, loc: Loc, rule: Rule) -> Iterator[Flaw]:
    yield from _targets(collection, (*loc, "then"), rule.then)
    for case, targets in rule.cases.items():
        if not targets:
            yield Flaw((*loc, "cases", case), "nothing", "{trait: value}")
        yield from _targets(collection, (*loc, "cases", case), targets)


def _consent(collection: Collection) -> Iterator[Flaw]:
    for field in collection.consent:
        if field not in collection.fields:
            used = ", ".join(collection.fields)
            yield Flaw(("consent", field), "a field that nothing in this DNA reads", f"one that is read: {used}")


def missing_layers(collection: Collection, layers: Mapping[str, Layer]) -> Iterator[Flaw]:
    """Layer files that are named and not there, and slots of layers that some material makes of nothing."""
    for trait, value, said in collection.each_value():
        loc: Loc = ("traits", trait, "values", value, "paint")
        files = said.paint.layer_files() if said.paint is not None else ()
        for file in dict.fromkeys(files):
            if file not in layers:
                yield Flaw(loc, f"layer {file}", f"a file under art/: {one_of(layers, file)}")
        if isinstance(said.paint, SlotMap) and "*" not in said.paint.slots:
            used = {part.slot: layer.name for layer in layers.values() for part in layer.parts}
            for slot in sorted(used.keys() - said.paint.slots.keys()):
                yield Flaw(
                    (*loc, "slots"), f"nothing for slot {slot!r} of {used[slot]}", "a substance for it, or for '*'"
                )
