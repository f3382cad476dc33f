"""Another name for every trait and every value of a collection, in its DNA and in its collectors' data alike."""

from __future__ import annotations

import json
import random
import re
from typing import Any

from shared.collection import store
from shared.collection.schema import Collection


class Renaming:
    """One random name for each trait, and for each value within its trait."""

    def __init__(self, collection: Collection, seed: int) -> None:
        chance = random.Random(seed)

        def fresh() -> str:
            return "".join(chance.choices("abcdefghijklmnopqrstuvwxyzÄЖ日0123456789", k=12))

        self.traits = {trait: fresh() for trait in collection.traits}
        self.values = {trait: {value: fresh() for value in said.values} for trait, said in collection.traits.items()}

    def targets(self, targets: dict[str, list[str]]) -> dict[str, list[str]]:
        return {self.traits[t]: [self.values[t][v] for v in values] for t, values in targets.items()}

    def collection(self, collection: Collection) -> Collection:
        layers = dict.fromkeys(collection.layer_files(), b"")
        dna: dict[str, Any] = json.loads(store.files_of(collection, layers)["collection.json"])
        for template in ("prompt", "title"):
            dna[template] = re.sub(r"\{([^{}]*)\}", lambda m: "{" + self.traits[m[1]] + "}", dna[template])
        for rule in dna["rules"]:
            rule["then"] = self.targets(rule["then"])
            rule["cases"] = {case: self.targets(targets) for case, targets in rule["cases"].items()}
        traits = {}
        for trait, said in dna["traits"].items():
            for value in said["values"].values():
                value["requires"], value["excludes"] = self.targets(value["requires"]), self.targets(value["excludes"])
            said["values"] = {self.values[trait][name]: value for name, value in said["values"].items()}
            traits[self.traits[trait]] = said
        return Collection.model_validate({**dna, "traits": traits})

    def body(self, body: dict[str, Any]) -> dict[str, Any]:
        changed: dict[str, Any] = json.loads(json.dumps(body))
        if likes := changed["data"].get("preferences", {}).get("likes"):
            changed["data"]["preferences"]["likes"] = self.targets(likes)
        return changed
