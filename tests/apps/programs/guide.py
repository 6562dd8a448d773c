"""guidance with a model of an OpenAI server: a free answer, one bound by a schema, and a tool that has to be called."""

from __future__ import annotations

import json
import sys
from typing import Any

from guidance import assistant, gen, system, user
from guidance import json as gen_json
from guidance.models import OpenAI
from pydantic import BaseModel, Field


class Weather(BaseModel):
    city: str = Field(max_length=20)
    degrees: int = Field(ge=-90, le=60)


def get_weather(city: str) -> str:
    """The weather in a city."""
    asked_for.append(city)
    return f"It is sunny in {city}."


asked_for: list[str] = []


def main(name: str) -> dict[str, Any]:
    model = OpenAI(name, echo=False)
    with system():
        model += "You are a helpful assistant."
    with user():
        model += "How is the weather in Paris?"
    free, bound = model, model
    with assistant():
        free += gen("free", max_tokens=12, temperature=0.0)
    with assistant():
        bound += gen_json(name="bound", schema=Weather, temperature=0.0)
    with assistant():
        model += gen(tools=[get_weather], tool_choice="required")
    return {"free": free["free"], "bound": json.loads(bound["bound"]), "asked for": asked_for}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
