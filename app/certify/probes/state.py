"""Server state of responses, and later operations on them: earlier answers, conversations, prompts."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from ...jsontypes import Json
from ..answers import count, whole
from ..exchange import Ask
from ..probe import Answers, Base, Probe, Step, step
from ..values import get
from ..verdicts import Verdict, honoured, ignored, not_seen
from .service import invisible, nonsense

GROUP = "state"


def made_up(group: str, check: str, what: str, fields: Json, *paths: str, parts: Iterable[str] = ()) -> Probe:
    """A probe of a reference to something that does not exist: a server that honours it must refuse it."""
    return Probe(
        group,
        check,
        (step("made up", **fields),),
        lambda answers: ignored(f"{what} that there never was is accepted"),
        paths,
        tuple(parts),
    )


def _go_on(base: Base, answers: Answers) -> Ask | None:
    kept = answers.get("kept")
    made = get(whole(kept), "id") if kept is not None and kept.accepted else None
    told = made if isinstance(made, str) else "resp_qixotl"
    return base.ask("Go on.", 16, {"previous_response_id": told})


def _remove(base: Base, answers: Answers) -> Ask | None:
    kept = answers.get("kept")
    made = get(whole(kept), "id") if kept is not None and kept.accepted else None
    path = f"{base.operation.path}/{quote(made, safe='')}" if isinstance(made, str) else None
    return Ask(method="DELETE", path=path) if path else None


def _previous(answers: Answers) -> Verdict:
    if "made up" in answers and answers["made up"].accepted:
        return ignored("an earlier answer that there never was is accepted")
    before, after = (count(answers[name], "prompt_tokens") for name in ("alone", "on"))
    if before is None or after is None:
        return not_seen("no token counts")
    if after > before:
        return honoured(f"{after - before} more tokens are read with an earlier answer")
    return ignored("no more tokens are read with an earlier answer")


def _background(answers: Answers) -> Verdict:
    status = get(whole(answers["later"]), "status")
    if status in ("queued", "in_progress"):
        return honoured(f"the answer is {status}")
    return ignored(f"the answer is {status} already")


_WHO = {"id": "pmpt_qixotl", "version": "1", "variables": {"zyr": "vex"}}

PROBES = (
    Probe(
        GROUP,
        "",
        (
            step("kept", "Remember: a zyr is a qixotl, and a qixotl is a vex.", role="aid", store=True),
            Step("on", _go_on),
            step("alone", "Go on.", role="compare"),
            step("made up", "Go on.", role="nonsense", previous_response_id="resp_qixotl"),
            Step("removed", _remove, "aid"),
        ),
        _previous,
        ("previous_response_id",),
    ),
    made_up(GROUP, "", "a conversation", {"conversation": {"id": "conv_qixotl"}}, "conversation", "conversation.id"),
    made_up(
        GROUP,
        "",
        "a kept prompt",
        {"prompt": _WHO},
        *("prompt", "prompt.id"),
        parts=("prompt.version", "prompt.variables"),
    ),
    Probe(GROUP, "", (step("later", background=True), nonsense(background=7)), _background, ("background",)),
    Probe(
        GROUP,
        "",
        (
            step("set", context_management=[{"type": "compaction", "compact_threshold": 1000}]),
            nonsense(context_management=7),
        ),
        invisible("a short conversation is not shortened"),
        ("context_management", "context_management[].type", "context_management[].compact_threshold"),
    ),
    Probe(
        GROUP,
        "",
        (step("set", truncation="auto"), nonsense(truncation=7)),
        invisible("a short conversation is not shortened"),
        ("truncation",),
    ),
)
