"""A stage on AWS, as `osls deploy --stage NAME` left it, for commands that work on it from outside.

What a stage is made of is not written down here a second time: each function's environment is read from the function
itself, and the address of the HTTP API from the stack's outputs. Credentials are the operator's own, wherever AWS's
libraries look for them; a right that they lack is named by its action.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote

from botocore.exceptions import ClientError, NoCredentialsError, ProfileNotFound

from shared.errors import Defect, Invalid, MonoprintError, NotFound, Rejected
from shared.ports.aws import calling, client, code_of, endpoint_of, region_of
from shared.ports.open import PortUrl
from shared.ports.signer import Purpose

REGION = "eu-central-1"
"""Where `osls deploy` goes as well unless it is told otherwise."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,39}")
_SEEN = "sweep"
"""A function that every stage has, and by which stages are found."""
_OURS = re.compile(r"(?:dynamodb|kms|s3|sqs|ssm)://")
_REFERENCE = re.compile(r"\{([^{}]*)\}")
_API_OUTPUTS = ("HttpApiUrl", "ServiceEndpoint")
"""As osls names them, for an HTTP API and for a REST API."""


@dataclass(frozen=True)
class Stage:
    """Each function's environment is read once. `endpoint` is an emulator's; None is AWS itself."""

    name: str
    region: str = REGION
    endpoint: str | None = None
    _told: dict[str, Mapping[str, str]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def at(cls, name: str, region: str, endpoint: str | None) -> Self:
        """Checks what was given; nothing is asked of AWS yet. Raises: `Invalid` naming the option."""
        if not _NAME.fullmatch(name):
            raise Invalid("--stage", repr(name[:40]), "a name of letters, digits and hyphens, as in `osls deploy`")
        given = PortUrl("stage", "", {"endpoint": endpoint} if endpoint else {})
        try:
            return cls(name, region_of(given, region), endpoint_of(given))
        except Invalid as error:
            raise Invalid(f"--{error.field.rpartition(' ')[2]}", error.got, error.wanted) from error

    def __str__(self) -> str:
        return f"stage {self.name} in {self.region}"

    @property
    def option(self) -> str:
        return f" --stage {self.name}" + (f" --region {self.region}" if self.region != REGION else "")

    @property
    def goes_on(self) -> str:
        return "in the cloud"

    def environ_of(self, stop: str) -> Mapping[str, str]:
        """The environment of a stop's function.

        Raises: `NotFound` when there is no such stage here; `Defect` when it may not be read.
        """
        if stop not in self._told:
            environ = {name: self._for_us(value) for name, value in self._asked(stop).items()}
            if "SIGNER_URL" in environ:
                environ["SIGNER_URL"] = self._with_owner(environ["SIGNER_URL"])
            self._told[stop] = environ
        return self._told[stop]

    def api_url(self) -> str:
        """Where the HTTP API answers."""
        action, stack = "cloudformation:DescribeStacks", f"monoprint-{self.name}"
        with self._calling(action):
            try:
                (found,) = self._client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
            except ClientError as error:
                if code_of(error) == "ValidationError":  # its code for a stack that is not there
                    raise self._not_found(f"stack {stack}") from error
                raise
        outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
        for name in _API_OUTPUTS:
            if name in outputs:
                return str(outputs[name])
        raise Defect(f"{self}: its stack {stack} tells no address of an HTTP API; deploy it again")

    # ---- what AWS is asked ----

    def _asked(self, stop: str) -> Mapping[str, str]:
        function = f"monoprint-{self.name}-{stop}"
        with self._calling("lambda:GetFunctionConfiguration"):
            try:
                found = self._client("lambda").get_function_configuration(FunctionName=function)
            except ClientError as error:
                if code_of(error) == "ResourceNotFoundException":
                    raise self._not_found(f"function {function}") from error
                raise
        told = found.get("Environment", {})
        if refused := told.get("Error"):
            code = refused.get("ErrorCode", "no code")
            raise Defect(f"{self}: the environment of {function} cannot be read; the role lacks kms:Decrypt ({code})")
        environ: Mapping[str, str] = told.get("Variables", {})
        return environ

    def _not_found(self, what: str) -> NotFound:
        try:
            known = self._names()
        except MonoprintError:
            others = ""  # who may not list gets the rest of the sentence
        else:
            others = f"; deployed there: {', '.join(known)}" if known else "; no stage is deployed there"
        return NotFound(
            f"--stage {self.name}: got no {what} in {self.region}{others}. "
            f"Deploy it (`npx osls deploy --stage {self.name}`), or name another --region"
        )

    def _names(self) -> list[str]:
        """The stages that there are in this region and account."""
        with self._calling("lambda:ListFunctions"):
            pages = self._client("lambda").get_paginator("list_functions").paginate()
            names = [each["FunctionName"] for page in pages for each in page["Functions"]]
        found = (re.fullmatch(rf"monoprint-({_NAME.pattern})-{_SEEN}", name) for name in names)
        return sorted(match[1] for match in found if match)

    def _client(self, service: str) -> Any:
        return client(service, self.region, self.endpoint)

    @contextmanager
    def _calling(self, action: str) -> Iterator[None]:
        with calling(action, str(self)):
            try:
                yield
            except (NoCredentialsError, ProfileNotFound) as error:
                raise Rejected(
                    f"{self}: got no AWS credentials ({type(error).__name__}), wanted those of somebody who may "
                    f"{action}; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                ) from error

    # ---- what is made of it ----

    def _for_us(self, value: str) -> str:
        """A variable as it serves from here: the same, or with the emulator's endpoint in all that is AWS's."""
        return value if self.endpoint is None else through(self.endpoint, value)

    def _with_owner(self, signer_url: str) -> str:
        """No function has the owner's key: the stack's alias is known by its name."""
        if not signer_url.startswith("kms:") or re.search(rf"[?&]{Purpose.OWNER}=", signer_url):
            return signer_url
        return f"{signer_url}&{Purpose.OWNER}=alias/monoprint-{self.name}-{Purpose.OWNER}"


def through(endpoint: str, value: str) -> str:
    """The same URL, and the references in it, with an emulator's endpoint wherever an adapter of AWS takes one."""
    value = _REFERENCE.sub(lambda found: "{" + through(endpoint, found[1]) + "}", value)
    if not _OURS.match(value):
        return value
    return f"{value}{'&' if '?' in value else '?'}endpoint={quote(endpoint, safe='')}"
