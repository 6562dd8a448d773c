"""What one request may ask for at most, whatever the model can do."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import BadRequest
from ..jsontypes import Json


@dataclass(frozen=True, slots=True)
class Limits:
    """The most choices, tokens of all choices together, and tools or functions."""

    choices: int = 128
    tokens: int = 1 << 20
    tools: int = 128

    def check_tools(self, body: Json) -> None:
        """Raise `BadRequest` if a request has too many tools or functions."""
        for name in ("tools", "functions"):
            if len(body.get(name) or ()) > self.tools:
                raise BadRequest(
                    f"Invalid value for '{name}': this server takes at most {self.tools} for a request.",
                    param=name,
                    code="array_above_max_length",
                )

    def check_choices(self, number: int, param: str, code: str = "integer_above_max_value") -> None:
        """Raise `BadRequest`, with this code, if the parameter ``param`` asks for too many choices."""
        if number > self.choices:
            raise BadRequest(
                f"Invalid value for '{param}': this server makes at most {self.choices} choices for a request.",
                param=param,
                code=code,
            )

    def check_tokens(self, number: int, each: int, param: str, advice: str) -> None:
        """Raise `BadRequest` if several choices of at most so many tokens ``each`` could come to too many tokens. It
        blames the parameter ``param``, and ends with the ``advice``."""
        if number > 1 and number * each > self.tokens:
            raise BadRequest(
                f"Invalid value for '{param}': the choices could come to more than the {self.tokens} tokens that this "
                f"server makes for a request; {advice}.",
                param=param,
                code="integer_above_max_value",
            )
