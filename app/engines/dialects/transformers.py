"""The server of Hugging Face's transformers, ``transformers serve``: it accepts all of the API and honours a part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import UnsupportedParameter
from ...jsontypes import Json
from ..asked import LIMITS
from .dialect import custom_calls, unsupported
from .unforced import UnforcedDialect


@dataclass(frozen=True)
class TransformersDialect(UnforcedDialect):
    """Parses the arguments of past calls, and fails if a call has none; generates at least one token."""

    def unsupported(self, request: Json) -> Iterator[UnsupportedParameter]:
        yield from super().unsupported(request)
        for name in LIMITS:
            if request.get(name) == 0:
                yield unsupported(name, "writes at least one token.")
        yield from custom_calls(request["messages"])

    def adapt(self, body: Json) -> None:
        super().adapt(body)
        if "logit_bias" in body:
            # It accepts only floats, and at least one entry.
            body["logit_bias"] = {token: float(bias) for token, bias in body["logit_bias"].items()}
            if not body["logit_bias"]:
                del body["logit_bias"]
        body.pop("parallel_tool_calls", None)
        if isinstance(body.get("stop"), str):
            body["stop"] = [body["stop"]]


TRANSFORMERS = TransformersDialect(
    "transformers",
    # Its penalty differs from the API's. Models without support for pictures or sounds drop them.
    frozenset({"sampling", "stop", "length", "max_tokens", "seed", "logit_bias", "tools"}),
    makes_choices=False,
    defaults={"temperature": 1, "top_p": 1},
    limit="max_tokens",
    roles={"developer": "system"},
    names=False,
    cancels=False,
)
