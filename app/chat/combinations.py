"""What must hold between the parameters of a request, whichever engine answers it. A parameter that has no effect
without another one is refused without it."""

from __future__ import annotations

from ..engines.tool_choice import check_tool_choice
from ..errors import BadRequest
from ..jsontypes import Json


def check_combinations(request: Json) -> None:
    """Do nothing when a request's parameters go together. ``request`` has no parameters that are null.

    Raises:
        BadRequest: a tool is chosen that is not there, alternatives are asked for without log probabilities, or sound
            without its voice.
    """
    if request.get("top_logprobs") and not request.get("logprobs"):
        raise BadRequest(
            "top_logprobs needs logprobs: send logprobs true, or leave top_logprobs out.",
            param="top_logprobs",
            code="invalid_value",
        )
    if "audio" in (request.get("modalities") or ()) and "audio" not in request:
        raise BadRequest(
            "Missing required parameter: 'audio'. It says in which voice and format, and is needed with the modality "
            "audio.",
            param="audio",
            code="missing_required_parameter",
        )
    check_tool_choice(request)


def refuse_options_of_no_stream(body: Json) -> None:
    """Do nothing when options for streams come with a stream alone; raises as `check_combinations`."""
    if not body.get("stream") and any((body.get("stream_options") or {}).values()):
        raise BadRequest(
            "Invalid value for 'stream_options': they are for streams; set 'stream', or leave them out.",
            param="stream_options",
            code="invalid_value",
        )
