"""The base of every model: frozen, closed to fields that nobody knows, and built when it is first used.

A validator costs pydantic a millisecond or more, and a module declares a dozen models of which one message needs two.
So a cold start pays for none of them, and the first message for its own: nested ones are built with the one that holds
them, not each for itself as well. pydantic holds a lock meanwhile; threads that meet one model first both get it whole.

A default that is a model would be made, and so built, when its class is declared: it is given as a `default_factory`.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
