"""Validates how the parameters of a request combine, whichever engine answers it. A parameter that has no effect
without another one is refused if that one is missing."""

from __future__ import annotations

from ..engines.tool_choice import check_tool_choice
from ..errors import BadRequest
from ..jsontypes import Json


def check_combinations(request: Json) -> None:
    """Validate that a request's parameters are compatible. ``request`` has no parameters that are null.

    Raises:
        BadRequest: the tool choice names a tool that is not in the request, ``top_logprobs`` is set without
            ``logprobs``, or the audio modality is requested without ``audio``.
    """
    if request.get("top_logprobs") and not request.get("logprobs"):
        raise BadRequest(
            "top_logprobs needs logprobs: send logprobs true, or leave top_logprobs out.",
            param="top_logprobs",
            code="invalid_value",
        )
    if "audio" in (request.get("modalities") or ()) and "audio" not in request:
        raise BadRequest(
            "Missing required parameter: 'audio'. It sets the voice and the format, and is required with the "
            "modality audio.",
            param="audio",
            code="missing_required_parameter",
        )
    check_tool_choice(request)


def refuse_options_of_no_stream(body: Json) -> None:
    """Validate that stream options are set only on a streaming request; raises as `check_combinations`."""
    options = body.get("stream_options")
    if options and not body.get("stream") and any(options.values()):
        raise BadRequest(
            "Invalid value for 'stream_options': it applies to streams only; set 'stream' to true, or leave it out.",
            param="stream_options",
            code="invalid_value",
        )
