"""Boundary values of each parameter: at a bound, beyond it, of another type, and the values that request nothing. All
probes are derived from the document and from the tables of parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ...chat.parameters import PARAMETERS, ChatParameter
from ...completions.parameters import TEXT
from ...embeddings.parameters import EMBEDDING
from ...jsontypes import Json
from ..exchange import Seen, having
from ..operations import CHAT, COMPLETIONS, EMBEDDINGS, Operation
from ..probe import Answers, Base, Probe, Step, name_in, step
from ..rules import Rules
from ..verdicts import Verdict, broken, honoured, ignored
from .tools import functions

GROUP = "bounds"
_WRONG: tuple[Any, ...] = ("qixotl", 4711, [True], {"qixotl": 1})
# A list with more items is not sent at its bound: it would use much of the context and prove little.
_MOST_ITEMS = 16
# A list with more items is not sent beyond its bound: a server that does not check the bound would work on it for long.
_MOST_BEYOND = 512
# The fields to send with a parameter that has no meaning alone.
_BESIDE: dict[str, Json] = {
    "top_logprobs": {"logprobs": True},
    "stream_options": {"stream": True},
    "tool_choice": {"tools": functions()},
    "parallel_tool_calls": {"tools": functions()},
}
# Bounds that are below the default of another parameter, and so are forbidden together with it.
_BELOW_OTHERS = {"best_of": 0}
# Parameters whose neutral values have a meaning only together with parameters that are probed elsewhere, or would be
# sent in a list.
_ELSEWHERE = ("tool_choice", "function_call")
_TABLES: Mapping[str, tuple[ChatParameter, ...]] = {
    CHAT.name: PARAMETERS,
    COMPLETIONS.name: TEXT.parameters,
    EMBEDDINGS.name: EMBEDDING.parameters,
}


def bounds(rules: Rules) -> list[Probe]:
    """The probes of the parameters of an operation's request.

    Raises:
        ConfigurationError: a reference in the document is broken.
    """
    schema, _ = rules.document.resolve({"$ref": f"#{rules.pointer}"})
    # Only for validation: requests are built from a probed base later.
    base = Base("m", None, cold=False, operation=rules.operation)

    def fits(name: str, value: Any) -> bool:
        return rules.fits(base.body("x", None, _fields(name, value)))

    found = []
    for name, inner in schema["properties"].items():
        resolved, _ = rules.document.resolve(inner)
        wrong = next((value for value in _WRONG if not fits(name, value)), None)
        if wrong is not None:
            found.append(Probe(GROUP, "another type", (_at("beyond", name, wrong, "nonsense"),), _edges(name), (name,)))
        at, beyond = _edges_of(name, resolved)
        steps = [
            *(
                _at(f"at {i}", name, value)
                for i, value in enumerate(at)
                if value != _BELOW_OTHERS.get(name) and fits(name, value)
            ),
            *(_at(f"beyond {i}", name, value, "nonsense") for i, value in enumerate(beyond) if not fits(name, value)),
        ]
        if steps:
            found.append(Probe(GROUP, "at and beyond its bounds", tuple(steps), _edges(name), (name,)))
    return [replace(probe, operation=rules.operation) for probe in found]


def neutral(operation: Operation) -> Iterator[Probe]:
    """The probes of values that request the default behaviour, as listed in our table of an operation's parameters."""
    for parameter in _TABLES.get(operation.name, ()):
        if parameter.neutral and "[]" not in parameter.name and parameter.name not in _ELSEWHERE:
            top = parameter.name.partition(".")[0]
            steps = (
                step(f"neutral {i}", tokens=4, **{**_BESIDE.get(top, {}), **having(parameter.name, value)})
                for i, value in enumerate(parameter.neutral)
            )
            values = " and ".join(str(value) for value in parameter.neutral)
            paths = (parameter.name,)
            judge = _accepts(f"accepted: {values}")
            yield Probe(GROUP, "neutral values", tuple(steps), judge, paths, operation=operation)


def _accepts(text: str) -> Callable[[Answers], Verdict]:
    return lambda answers: honoured(text)


def _at(called: str, name: str, value: Any, role: Any = "asked") -> Step:
    return step(called, tokens=1, role=role, **_fields(name, value))


def _fields(name: str, value: Any) -> Json:
    return {**_BESIDE.get(name, {}), name: value}


def _edges_of(name: str, schema: Json) -> tuple[list[Any], list[Any]]:
    """Values at the bounds of a schema, and values beyond them."""
    at, beyond = [], []
    for bound, sign in (("minimum", -1), ("maximum", 1)):
        if bound in schema:
            at.append(schema[bound])
            beyond.append(schema[bound] + sign * (1 if "integer" in schema["type"] else 0.1))
    branches = [schema, *schema.get("oneOf", ()), *schema.get("anyOf", ())]
    for branch in branches:
        if (most := branch.get("maxItems")) is not None:
            if most <= _MOST_ITEMS:
                at.append(_items(name, most))
            if most <= _MOST_BEYOND:
                beyond.append(_items(name, most + 1))
        if branch.get("minItems") and [] not in beyond:
            beyond.append([])
        if (most := branch.get("maxLength")) is not None:
            at.append("x" * most)
            beyond.append("x" * (most + 1))
        if (most := branch.get("maxProperties")) is not None:
            at.append({f"key{i}": "x" for i in range(most)})
            beyond.append({f"key{i}": "x" for i in range(most + 1)})
        values = branch.get("additionalProperties")
        if isinstance(values, dict) and "maximum" in values:
            at.append({"400": values["minimum"], "401": values["maximum"]})
            beyond += [{"400": values["minimum"] - 1}, {"400": values["maximum"] + 1}]
    return at, beyond


def _items(name: str, number: int) -> list[Any]:
    if name == "tools":
        return [{"type": "function", "function": {"name": f"zyr_{i}"}} for i in range(number)]
    if name == "functions":
        return [{"name": f"zyr_{i}"} for i in range(number)]
    return [f"qixotl{i}" for i in range(number)]


def _edges(name: str) -> Callable[[Answers], Verdict]:
    """A judge: whether all values beyond the bounds of a parameter were refused."""

    def judge(answers: Answers) -> Verdict:
        beyond = [seen for step, seen in answers.items() if step.startswith("beyond")]
        for seen in beyond:
            if seen.trouble and seen.status != 200:
                return broken(f"{_value(seen, name)}: {seen.trouble}")
        accepted = [_value(seen, name) for seen in beyond if seen.status == 200]
        if accepted:
            return ignored(f"accepted, though the contract forbids it: {', '.join(accepted)}")
        at = len(answers) - len(beyond)
        named = all(seen.refusal is None or name_in(seen.refusal, (name,)) == "param" for seen in beyond)
        accepted_at = f"{at} accepted at its bounds, " if at else ""
        return honoured(f"{accepted_at}{len(beyond)} refused" + (", by name" if named else ", not all by name"))

    return judge


def _value(seen: Seen, name: str) -> str:
    shown = repr(seen.ask.body[name])
    return f"{name} {shown if len(shown) <= 32 else shown[:31] + '…'}"
