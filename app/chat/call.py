"""A request on its way through the domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from ..accounts import Account
from ..engines.base import EMBEDDINGS, Completion, Model, StreamItem, Usage
from ..errors import UnsupportedParameter
from ..jsontypes import Json
from .tables import CHAT, Table
from .tokens import estimated, estimated_json

# Parameters that need no capability, but whose answer can still show that they were not honoured.
_SHOWN = frozenset(
    {"n", "response_format.json_schema.strict", "stream_options.include_usage", "tools[].function.strict", "echo"}
)
# Parameters whose text becomes a part of the prompt.
_SHOWN_TO_MODEL = frozenset({"tools", "functions", "response_format"})


@dataclass(slots=True)
class Call:
    """A request that can be answered: the model, the engine's request, the number of choices, what is not honoured.

    ``warns``: a parameter that only the engine finds it cannot honour is left out (or was not honoured) and is added to
    ``ignored``; if this is found after the answer has begun, only the log reports it. Names in ``ignored`` are
    percent-encoded where necessary, because a document may let clients choose field names, and the names go into a
    header and the log. ``body`` and ``account`` are what the call was made from, and ``client`` is the short name of
    the account's key. ``log`` has the fields of its log line.
    ``fallbacks`` are the ids of the models to try next. ``instead_of`` is the id of the requested model once another
    model answers in its place. ``unknown`` are the names of fields that are not passed to any model, because the
    contract does not define them. ``table`` has the parameters of the operation. ``usage`` is that of a stream, once
    it has come to its end.
    """

    model: Model
    request: Json
    n: int
    ignored: list[str]
    warns: bool
    body: Json
    account: Account
    client: str | None
    log: Json
    fallbacks: tuple[str, ...] = ()
    table: Table = CHAT
    instead_of: str | None = None
    unknown: tuple[str, ...] = ()
    usage: Usage | None = None

    @property
    def asks_once(self) -> bool:
        """Whether a single stream of the engine contains all the choices."""
        return self.n == 1 or self.model.makes_choices

    def option(self, name: str) -> bool:
        """Whether a stream option is on."""
        return bool(self.request.get("stream_options", {}).get(name))

    def refuse(self, error: UnsupportedParameter) -> None:
        """As `app.engines.base.Refuse`."""
        parameter = self.table.by_path.get(error.param or "")
        if not self.warns or parameter is None or (parameter.needs is None and parameter.name not in _SHOWN):
            raise error
        if parameter.name not in self.ignored:
            self.tell_ignored([parameter.name])

    def become(self, other: Call) -> None:
        """Switch to the model of another call that was made from the same body."""
        self.instead_of = self.instead_of or self.model.id
        self.model, self.request, self.n = other.model, other.request, other.n
        self.ignored, self.warns = other.ignored, other.warns
        self._tell_model()
        self.tell_ignored(self.unknown)

    def tell_ignored(self, names: Sequence[str]) -> None:
        """Record parameters that are left out."""
        self.ignored += [quote(name, safe="[].") for name in names]
        if self.ignored:
            self.log["ignored"] = ",".join(self.ignored)[:500]

    def headers(self) -> dict[str, str]:
        """The headers of its answer: ``x-unsupported-parameters`` lists what the model could not honour, and
        ``x-fallback-model`` names the model that answered instead of the requested one."""
        told = {}
        if self.ignored:
            told["x-unsupported-parameters"] = ", ".join(self.ignored)[:1000]
        if self.instead_of is not None:
            told["x-fallback-model"] = quote(self.model.id, safe="/:@+ ")
        return told

    def estimate(self) -> None:
        """Tell the account which model answers, and what the request may come to, in tokens."""
        self._tell_model()
        tally, request = self.account.tally, self.request
        tally.stream = bool(request.get("stream"))
        tally.prompt = estimated(request.get("messages") or request.get("prompt") or request.get("input"))
        if not _SHOWN_TO_MODEL.isdisjoint(request):
            tally.prompt += estimated_json(*map(request.get, _SHOWN_TO_MODEL))
        limit = request.get("max_completion_tokens", request.get("max_tokens"))
        tally.explicit = limit is not None
        if limit is None:
            limit = self.model.assumed_answer or max(1, self.model.context_length - tally.prompt)
        tally.most = 0 if self.table.operation == EMBEDDINGS else self.n * min(limit, self.model.context_length)

    def note(self, answer: Completion) -> None:
        """Record what is known of a whole answer."""
        tally = self.account.tally
        if (usage := answer.facts.get("usage")) is not None:
            tally.usage = usage
            self.log["tokens"] = usage["total_tokens"]
        tally.finish = answer.choices[0].finish_reason if answer.choices else None
        if usage is None:
            tally.pieces = sum(estimated(choice.message.get("content")) for choice in answer.choices)

    def note_delta(self, item: StreamItem) -> None:
        """Record what is known of an item of a stream."""
        tally = self.account.tally
        if isinstance(item, dict):
            tally.usage = item.get("usage") or tally.usage
            return
        if item.message:
            tally.piece()
        if item.finish_reason is not None and item.index == 0:
            tally.finish = item.finish_reason

    def _tell_model(self) -> None:
        tally = self.account.tally
        tally.model, tally.upstream, tally.price = self.model.id, self.model.upstream, self.model.price.of
