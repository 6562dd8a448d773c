"""An upstream llama.cpp server. Requests to the model process are written, and its answers read, in the same way."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ....jsontypes import Json
from ...asked import LIMITS, Asked
from ...extra import LLAMA_PARAMETERS
from ..dialect import COMMON, OURS, Dialect, UpstreamModel, Written
from ..texts import LlamaTextReader, asked_of
from .reader import LlamaReader
from .request import TRANSLATED, fold_seed, take_silence, take_stops, translate, translate_text


@dataclass(frozen=True)
class LlamaDialect(Dialect):
    """Sets every sampling parameter, because the server's defaults differ from the API's."""

    def write(self, request: Json, upstream: UpstreamModel) -> Written:
        asked, model = Asked.of(request), upstream.model
        has_limit = any(name in request for name in LIMITS)
        extra = {name: value for name, value in upstream.extra.items() if not (has_limit and name in LIMITS)}
        merged = {**extra, **request}
        body = translate(merged, asked, context_length=model.context_length, media=lambda part, place: part)
        body |= {name: value for name, value in merged.items() if name not in TRANSLATED | OURS}
        body["model"] = upstream.name
        self.choose_tools(body, asked.tool_choice)
        silent, stops = take_silence(body), take_stops(body)
        read = partial(LlamaReader, asked, silent=silent, stops=stops)
        if stops:
            asked.stops = ()  # the reader finds them
        # Its streams have no log probabilities if the request has tools.
        return Written(asked, body, read, whole=asked.alternatives is not None and "tools" in body)

    def write_text(self, request: Json, upstream: UpstreamModel) -> Written:
        asked = asked_of(request)
        extra = {name: value for name, value in upstream.extra.items() if name in LLAMA_PARAMETERS}
        body = translate_text({**extra, **request}, asked, context_length=upstream.model.context_length)
        body["model"] = upstream.name
        if asked.alternatives is not None:
            body["logprobs"] = max(1, asked.alternatives)  # with 0 it returns no log probabilities at all
        silent, stops = take_silence(body), take_stops(body)
        asked.stops = ()  # the reader finds them
        return Written(asked, body, partial(LlamaTextReader, asked, silent=silent, stops=stops))

    def seed(self, seed: int) -> int:
        return fold_seed(seed)


LLAMA_CPP = LlamaDialect(
    "llama.cpp",
    COMMON | {"seed", "logit_bias", "images", "audio_input", "continuous_usage", "token_prompts"},
    # Its maximum of choices is its number of slots, which is not known here.
    makes_choices=False,
    names=False,
    cancels=False,
    extra_parameters=frozenset({*LLAMA_PARAMETERS, "chat_template_kwargs"}),
)
