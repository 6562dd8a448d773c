"""Tasks of inspect, as its documentation writes them: what a model says, and what it says of a tool."""

from __future__ import annotations

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes
from inspect_ai.solver import generate, use_tools
from inspect_ai.tool import Tool, tool


@tool
def get_weather() -> Tool:
    async def execute(city: str) -> str:
        """The weather in a city.

        Args:
            city: Where.
        """
        return f"It is sunny in {city}."

    return execute


@task
def says() -> Task:
    samples = [Sample(input="Say hello", target="hello"), Sample(input="Say goodbye", target="hello")]
    return Task(dataset=samples, solver=generate(), scorer=includes())


@task
def calls() -> Task:
    sample = Sample(input="How is the weather?", target="It is sunny")
    return Task(dataset=[sample], solver=[use_tools(get_weather()), generate()], scorer=includes())
