"""The conversation: each of its parts is sent once short and once long. If the model is shown it, the longer one adds
prompt tokens, or changes the answer."""

from __future__ import annotations

from typing import Any

from ...jsontypes import Json
from ..answers import count, whole
from ..exchange import shortened
from ..probe import Answers, Probe, changed, step
from ..values import get
from ..verdicts import Verdict, honoured, ignored, not_seen

GROUP = "messages"
UNKNOWN = "qixotl-4711"
LONG = " ".join(f"qixotl {number}" for number in range(12))
SHORT = "zyr"


def reads(always: bool) -> Any:
    """A judge: whether a longer part adds prompt tokens, or changes the answer; with ``always`` it must."""

    def judge(answers: Answers) -> Verdict:
        short, long = answers["short"], answers["long"]
        before, after = count(short, "prompt_tokens"), count(long, "prompt_tokens")
        if before is not None and after is not None and after > before:
            return honoured(f"{after - before} more tokens are read with a longer one")
        if changed(answers, "short", "long"):
            return honoured("another answer with a longer one")
        if always and before is not None and after is not None:
            return ignored("a longer one changes neither the answer nor how many tokens are read")
        return not_seen("a longer one changes nothing; a model's template need not have a place for it")

    return judge


def _user(content: Any, **more: Any) -> Json:
    return {"role": "user", "content": content, **more}


def _part(kind: str, text: str) -> Json:
    return {"type": kind, kind: text}


def _call(text: str, kind: str = "function") -> list[Json]:
    what = {"name": "zyr", "arguments": f'{{"a": "{text}"}}'} if kind == "function" else {"name": "zyr", "input": text}
    return [
        _user("Go on."),
        {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": kind, kind: what}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "done"},
    ]


def _result(text: str) -> list[Json]:
    return [*_call("x")[:2], {"role": "tool", "tool_call_id": "call_1", "content": text}]


def _old(text: str) -> list[Json]:
    return [
        _user("Go on."),
        {"role": "assistant", "content": None, "function_call": {"name": "zyr", "arguments": f'{{"a": "{text}"}}'}},
        {"role": "function", "name": "zyr", "content": "done"},
    ]


def _told(role: str) -> Any:
    return lambda text: [{"role": role, "content": f"Remember {text}."}, _user("Go on.")]


def _said_before(**fields: Any) -> Any:
    return lambda text: [
        _user("Hello"),
        {"role": "assistant", "content": "Hi.", **{name: make(text) for name, make in fields.items()}},
        _user("Go on."),
    ]


def longer(check: str, make: Any, paths: str, parts: str = "", *, always: bool = False) -> Probe:
    """A probe of a part of a conversation, which ``make`` creates from a text."""
    return Probe(
        GROUP,
        check,
        (step("short", make(SHORT)), step("short again", make(SHORT), turn=1), step("long", make(LONG))),
        reads(always),
        tuple("messages" + path.removesuffix(".") for path in paths.split()),
        tuple("messages" + path for path in parts.split()),
    )


# For an id that has an effect only if it is an earlier answer's: a server that accepts an id that it never issued does
# not check it.
def _made_up(answers: Answers) -> Verdict:
    return ignored("the id of a spoken answer that there never was is accepted")


def _model(answers: Answers) -> Verdict:
    named = shortened(str(get(whole(answers["plain"]), "model")), 60)
    if answers["unknown"].accepted:
        return ignored(f"asked for a model that there is not, it answers all the same: with {named}")
    return honoured(f"the answer is given by {named}, and a model that there is not is refused")


MODEL = Probe(GROUP, "", (step("plain"), step("unknown", role="nonsense", tokens=4, model=UNKNOWN)), _model, ("model",))

RESULT = longer("role tool", _result, "[].role [].tool_call_id", always=True)
THOUGHTS = longer("", _said_before(reasoning_content=str), "[].reasoning_content")
CUSTOM = longer(
    "",
    lambda text: _call(text, "custom"),
    "[].tool_calls[].custom [].tool_calls[].custom.input",
    "[].tool_calls[].custom.name",
)

PROBES = (
    MODEL,
    longer("", lambda text: [_user(f"Say {text}")], ". [].role [].content", always=True),
    longer(
        "parts of text",
        lambda text: [_user([_part("text", "Say "), _part("text", text)])],
        "[].content [].content[].type [].content[].text",
        always=True,
    ),
    longer("role system", _told("system"), "[].role", always=True),
    longer("role developer", _told("developer"), "[].role"),
    longer(
        "role assistant",
        lambda text: [_user("Hello"), {"role": "assistant", "content": text}, _user("Go on.")],
        "[].role",
        always=True,
    ),
    RESULT,
    longer("", lambda text: [_user("Go on.", name=text.replace(" ", "_"))], "[].name"),
    longer("", _said_before(refusal=str), "[].refusal"),
    longer("part of an answer", _said_before(content=lambda text: [_part("refusal", text)]), "[].content[].refusal"),
    THOUGHTS,
    longer(
        "",
        _call,
        "[].tool_calls [].tool_calls[].function [].tool_calls[].function.arguments",
        "[].tool_calls[].id [].tool_calls[].type [].tool_calls[].function.name",
    ),
    CUSTOM,
    longer("", _old, "[].function_call [].function_call.arguments", "[].function_call.name"),
    Probe(
        GROUP,
        "",
        (step("made up", _said_before(audio=lambda text: {"id": "audio_qixotl"})("")),),
        _made_up,
        ("messages[].audio", "messages[].audio.id"),
    ),
)
