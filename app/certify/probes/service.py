"""What a service adds to a model: identity, caches, tiers, storage, moderation, search, audio answers, effort. Much of
it is visible in an answer. A property that is not can be honoured only by a server that reads it, and a server that
accepts an invalid value does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from ...jsontypes import Json
from ..answers import choices, count, message, thoughts, whole
from ..exchange import Ask, having, shortened
from ..probe import Answers, Base, Probe, Step, changed, one, step
from ..values import get
from ..verdicts import Verdict, honoured, ignored, not_seen

GROUP = "service"


def nonsense(**fields: Any) -> Step:
    """A step with field values that the contract forbids."""
    return step("nonsense", role="nonsense", **fields)


def invisible(why: str) -> Callable[[Answers], Verdict]:
    """A judge for properties with no visible effect."""
    return lambda answers: not_seen(f"it is accepted; {why}")


def _metadata(answers: Answers) -> Verdict:
    if get(whole(answers["noted"]), "metadata") == {"zyr": "vex"}:
        return honoured("it comes back with the answer")
    return not_seen("it is accepted, and not in the answer")


def _stored(answers: Answers) -> Verdict:
    if "read" not in answers:
        return not_seen("the answer has no id by which to read it again")
    status = answers["read"].status
    if status == 200:
        return honoured("the answer can be read again")
    return ignored(f"the answer cannot be read again: status {status}")


def _read_again(base: Base, answers: Answers) -> Ask | None:
    made = get(whole(answers["stored"]), "id")
    return Ask(method="GET", path=f"{base.operation.path}/{quote(made, safe='')}") if isinstance(made, str) else None


def _remove(base: Base, answers: Answers) -> Ask | None:
    kept = answers.get("read")
    return Ask(method="DELETE", path=kept.ask.path) if kept is not None and kept.status == 200 else None


def _tier(answers: Answers) -> Verdict:
    served = get(whole(answers["flex"]), "service_tier")
    if served == "flex":
        return honoured("the answer says that it was served so")
    if served is None:
        return ignored("the answer does not say with which priority it was served")
    return not_seen(f"asked for flex, and the answer says {shortened(str(served), 40)}")


def _cache_key(answers: Answers) -> Verdict:
    first, again, other = (count(answers[i], "prompt_tokens_details", "cached_tokens") for i in ("one", "again", "two"))
    if again and not other:
        return honoured(f"{again} tokens were found in the cache with the same key, none with another")
    return not_seen(f"cached tokens: {first} at first, {again} again, {other} with another key")


def _moderation(answers: Answers) -> Verdict:
    if get(whole(answers["judged"]), "moderation"):
        return honoured("the answer has a judgement")
    return ignored("the answer has no judgement")


def _search(answers: Answers) -> Verdict:
    if message(answers["searched"]).get("annotations"):
        return honoured("the answer cites what was found")
    return not_seen("the answer cites nothing")


def _predicted(answers: Answers) -> Verdict:
    names = ("accepted_prediction_tokens", "rejected_prediction_tokens")
    counts = [count(answers["told"], "completion_tokens_details", name) or 0 for name in names]
    if any(counts):
        return honoured(f"{counts[0]} tokens of it were right, {counts[1]} wrong")
    return not_seen("no token of it is counted")


def _spoken(answers: Answers) -> Verdict:
    if get(message(answers["spoken"]), "audio", "data"):
        return honoured("the answer is spoken")
    return ignored("the answer has no sound")


def effort(answers: Answers) -> Verdict:
    """Whether more effort changes the prompt or the answer."""
    low, high = answers["low"], answers["high"]
    before, after = count(low, "prompt_tokens"), count(high, "prompt_tokens")
    if before is not None and after is not None and before != after:
        return honoured(f"the model is told: {before} tokens are read with low, {after} with high")
    if changed(answers, "low", "high"):
        return honoured(
            "another answer with high than with low"
            + (f", {len(thoughts(high))} characters of thoughts" if thoughts(high) else "")
        )
    return not_seen("low and high give the same" if choices(low) else "there is no answer")


def _levels(name: str) -> Probe:
    def asks(called: str, level: str, turn: int = 0) -> Step:
        return step(called, "Which is larger, 9.11 or 9.9?", 128, turn=turn, **one(name, level))

    return Probe(
        GROUP,
        "",
        (asks("low", "low"), asks("low again", "low", 1), asks("high", "high"), nonsense(**one(name, 7))),
        effort,
        (name,),
    )


_VERY_LONG = "Read this, and then say good morning. " + "A zyr is a qixotl. " * 120


def _keyed(name: str, key: str, turn: int = 0) -> Step:
    return step(name, _VERY_LONG, turn=turn, prompt_cache_key=key)


def inside(path: str, why: str, valid: Any, judge: Callable[[Answers], Verdict] | None = None, **fixed: Any) -> Probe:
    """A probe of a property inside an object, sent with a valid value and with an invalid one."""
    top = path.partition(".")[0]

    def body(value: Any) -> Json:
        return {top: _laid_over(fixed.get(top, {}), having(path, value)[top])}

    return Probe(
        GROUP,
        "",
        (step("set", **{**fixed, **body(valid)}), nonsense(**{**fixed, **body(7 if valid != 7 else "x")})),
        judge or invisible(why),
        (path,),
    )


def _laid_over(under: Any, over: Any) -> Any:
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    return {**under, **{name: _laid_over(under.get(name), value) for name, value in over.items()}}


HIDDEN = "it does not show in an answer"
_AUDIO: dict[str, Any] = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
_PLACE: dict[str, Any] = {
    "web_search_options": {"user_location": {"type": "approximate", "approximate": {"city": "Oslo"}}}
}
_PART: dict[str, Any] = {"type": "content", "content": [{"type": "text", "text": "Hello!"}]}

USER = Probe(GROUP, "", (step("set", user="zyr"), nonsense(user=7)), invisible(HIDDEN), ("user",))
EFFORT, VERBOSITY = _levels("reasoning_effort"), _levels("verbosity")

PROBES = (
    USER,
    Probe(
        GROUP,
        "",
        (step("set", safety_identifier="zyr"), nonsense(safety_identifier=7)),
        invisible(HIDDEN),
        ("safety_identifier",),
    ),
    Probe(GROUP, "", (step("noted", metadata={"zyr": "vex"}), nonsense(metadata=7)), _metadata, ("metadata",)),
    Probe(
        GROUP,
        "",
        (step("stored", store=True), Step("read", _read_again, "nonsense"), Step("removed", _remove, "aid")),
        _stored,
        ("store",),
    ),
    Probe(GROUP, "", (step("flex", service_tier="flex"), nonsense(service_tier=7)), _tier, ("service_tier",)),
    Probe(
        GROUP,
        "",
        (
            _keyed("one", "zyr"),
            _keyed("again", "zyr", 1),
            _keyed("two", "vex"),
            nonsense(prompt_cache_key=7),
        ),
        _cache_key,
        ("prompt_cache_key",),
        # Concurrent requests would evict the cached prompt.
        alone=True,
    ),
    inside("prompt_cache_retention", "a cache does not show so soon", "24h"),
    inside("prompt_cache_options.mode", "a cache does not show so soon", "explicit"),
    inside("prompt_cache_options.ttl", "a cache does not show so soon", "30m"),
    Probe(
        GROUP,
        "",
        (step("set", prompt_cache_options={}), nonsense(prompt_cache_options=7)),
        invisible("empty, it asks for nothing"),
        ("prompt_cache_options",),
    ),
    Probe(
        GROUP,
        "",
        (step("judged", moderation={"model": "omni-moderation-latest"}), nonsense(moderation=7)),
        _moderation,
        ("moderation", "moderation.model"),
    ),
    *(
        Probe(
            GROUP,
            "",
            (step("judged", moderation={"model": "omni-moderation-latest", "policy": {side: {"mode": "score"}}}),),
            _moderation,
            (f"moderation.policy.{side}", f"moderation.policy.{side}.mode"),
            ("moderation.policy",) if side == "input" else (),
        )
        for side in ("input", "output")
    ),
    Probe(
        GROUP,
        "",
        (step("searched", "What is in the news today?", 128, web_search_options={}), nonsense(web_search_options=7)),
        _search,
        ("web_search_options",),
    ),
    inside("web_search_options.search_context_size", HIDDEN, "low"),
    inside("web_search_options.user_location", HIDDEN, {"type": "approximate", "approximate": {}}),
    inside("web_search_options.user_location.type", HIDDEN, "approximate", **_PLACE),
    inside("web_search_options.user_location.approximate", HIDDEN, {}, **_PLACE),
    *(
        inside(f"web_search_options.user_location.approximate.{name}", HIDDEN, value, **_PLACE)
        for name, value in (("country", "NO"), ("region", "Oslo"), ("city", "Oslo"), ("timezone", "Europe/Oslo"))
    ),
    Probe(
        GROUP,
        "",
        (step("told", prediction={"type": "content", "content": "Hello! I am a model."}), nonsense(prediction=7)),
        _predicted,
        ("prediction", "prediction.type", "prediction.content"),
    ),
    Probe(
        GROUP,
        "",
        (step("told", prediction=_PART), nonsense(prediction={"type": "content", "content": [7]})),
        _predicted,
        ("prediction.content[].type", "prediction.content[].text"),
    ),
    *(
        Probe(
            GROUP,
            "",
            (
                step(
                    "told",
                    prediction={
                        "type": "content",
                        "content": [{**_PART["content"][0], "prompt_cache_breakpoint": marked}],
                    },
                ),
                nonsense(
                    prediction={
                        "type": "content",
                        "content": [{**_PART["content"][0], "prompt_cache_breakpoint": 7}],
                    }
                ),
            ),
            invisible("a cache does not show in an answer"),
            tuple(f"prediction.content[].prompt_cache_breakpoint{path}" for path in paths),
        )
        for marked, paths in (
            ({"mode": "explicit"}, ("", ".mode")),
            ({"mode": "explicit", "ttl": "30m"}, (".ttl",)),
        )
    ),
    Probe(
        GROUP,
        "",
        (step("spoken", **_AUDIO), nonsense(modalities="all")),
        _spoken,
        ("modalities", "audio", "audio.voice", "audio.format"),
    ),
    Probe(
        GROUP,
        "",
        (step("spoken", **{**_AUDIO, "audio": {"voice": {"id": "voice_qixotl"}, "format": "wav"}}),),
        lambda answers: ignored("the id of a voice that there never was is accepted"),
        ("audio.voice.id",),
    ),
    EFFORT,
    VERBOSITY,
)
