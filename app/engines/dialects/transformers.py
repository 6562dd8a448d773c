"""The server of Hugging Face's transformers, ``transformers serve``, which takes all of the API and uses a part."""

from __future__ import annotations

from dataclasses import dataclass

from ...jsontypes import Json
from .unforced import UnforcedDialect


@dataclass(frozen=True)
class TransformersDialect(UnforcedDialect):
    """Reads the arguments of calls that were made, and fails where one has none."""

    def adapt(self, body: Json) -> None:
        super().adapt(body)
        body.pop("parallel_tool_calls", None)
        if isinstance(body.get("stop"), str):
            body["stop"] = [body["stop"]]


TRANSFORMERS = TransformersDialect(
    "transformers",
    # Its penalty is another than the API's. Pictures and sounds depend on the model, and are dropped by one without.
    frozenset({"sampling", "stop", "length", "max_tokens", "seed", "logit_bias", "tools"}),
    makes_choices=False,
    defaults={"temperature": 1, "top_p": 1},
    limit="max_tokens",
    roles={"developer": "system"},
    names=False,
    cancels=False,
)
