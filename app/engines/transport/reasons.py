"""Cleans an upstream's error messages for clients: one sentence, without addresses, keys and file paths.

Some upstreams quote the request, even whole prompts: a reason is short, and ends where a known quotation begins.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ...jsontypes import Json

LONGEST = 300  # characters
_READ = 4_000  # characters that are read
_CLEANED = 1_000  # characters that are cleaned: more than LONGEST, as redaction shortens them

_CUT = "…"

# Where a client's value, or the names of an operator's models, begin in messages of pydantic and LiteLLM.
_QUOTATION = re.compile(
    r"""(?:['"](?:input|ctx)['"]\s*:|\[type=\w+,|\binput_value=|\b(?:Received|Available) Model Group)"""
)
# Prefixes by which LiteLLM and OpenAI's library wrap another server's message.
_WRAPPING = re.compile(r"^(?:(?:litellm\.)?[A-Z]\w*(?:Error|Exception)(?::\s*|\s+-\s+)|Error code: \d{3} - )")

_SECRETS = [
    re.compile(pattern)
    for pattern in (
        r"\b[A-Za-z][A-Za-z0-9+.-]{0,20}://[^\s'\"<>,)\]}]+",
        r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]{6,}",
        r"""(?i)\b(?:api[-_ ]?key|secret|password|passwd|authorization)['"]?\s*[:=]\s*['"]?[^\s'",)}]+""",
        r"\bsk-[\w-]{8,}",
        r"\b(?:pk|rk|ak|org|proj|gsk|xai|nvapi|hf|ghp|glpat)[-_](?=[A-Za-z_-]*\d)[\w-]{8,}",
        r"\bAIza[\w-]{20,}",
        r"\b(?=[\w+/-]*\d)(?=[\w+/-]*[A-Za-z])[\w+/-]{40,}={0,2}",
        # Hosts, which mostly appear with a port.
        r"\[[0-9a-fA-F:]{2,39}\](?::\d{1,5})?",
        r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b",
        r"\b[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+:\d{2,5}\b",
        r"(?<![\w.-])[A-Za-z][A-Za-z0-9-]*:\d{4,5}\b(?!\s*tokens)",
        r"\b(?:[A-Za-z0-9-]+\.)+(?:local|internal|intranet|lan|corp|svc|com|net|org|io|ai|dev|cloud)\b",
        r"(?i)\bhost=['\"][^'\"]*['\"]",
        # File paths of at least two components, unless they point to a place in the request.
        r"(?<![\w/.<])~?/(?!(?:messages|tools|response_format)/)(?:[\w.+@-]+/)+[\w.+@-]*",
        r"\b[A-Za-z]:\\[^\s'\"]+",
    )
]

# Phrases that show that the request is at fault although the server answers 500.
_OF_THE_REQUEST = re.compile(
    r"\b(?:image|audio|video|picture|vision|multimodal|modalit|tool|function|role|content|param|field|schema|grammar"
    r"|logprobs)\w*\b[^.;]{0,40}?\b(?:is|are) not (?:supported|allowed|valid|permitted)"
    r"|does(?: not|n't) support \W?(?:image|audio|video|vision|multimodal|tool|function|system|logprobs|json)"
    r"|unsupported (?:param|field|content|image|audio|role|modalit|tool)"
    r"|failed to parse (?:tool|message|grammar|schema|json|response_format)"
    r"|unexpected (?:key|field|param)"
    r"|maximum context length|exceeds? the (?:available )?context"
    r"|\bmmproj\b|roles must alternate|roles are supported"
    r"|\b(?:BadRequestError|UnsupportedParamsError|ContextWindowExceededError|RequestValidationError)\b",
    re.IGNORECASE,
)
# Words that show that such a message is about the server itself.
_OF_THE_SERVER = re.compile(r"\b(?:CUDA|HIP|ROCm|NCCL|cuBLAS|cuDNN|Vulkan|Traceback)\b")

_TYPES = ("invalid_request_error", "BadRequestError", "exceed_context_size_error", "unsupported_parameter")
_CODES = (400, "400", 413, "413", 422, "422", *_TYPES)


def of(error: Mapping[str, Any], secrets: Iterable[str] = ()) -> str:
    """Return the reason in an error object, at most `LONGEST` characters; empty if it has none."""
    return clean(error.get("message"), secrets)


def clean(text: object, secrets: Iterable[str] = ()) -> str:
    """Return an upstream's text as one line that may be shown to clients; empty if it is unusable."""
    if not isinstance(text, str) or "Traceback (most recent" in text:
        return ""
    text = _unwrapped(text[:_READ])
    for secret in secrets:
        text = text.replace(secret, _CUT)
    if (quotation := _QUOTATION.search(text)) is not None:
        text = text[: quotation.start()].rstrip(" .,;\n")
    line = "".join(character for character in " ".join(text.split()) if character.isprintable())
    if len(line) > _CLEANED:
        line = line[:_CLEANED].rpartition(" ")[0]  # a truncated key would not match the patterns
    for pattern in _SECRETS:
        line = pattern.sub(_CUT, line)
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + _CUT


def is_of_the_request(error: Mapping[str, Any]) -> bool:
    """Whether an error with the status of a server error reports a fault of the request."""
    # Not sets: values that an upstream sends may be unhashable.
    if error.get("type") in _TYPES or error.get("code") in _CODES:
        return True
    message = error.get("message")
    if not isinstance(message, str) or _OF_THE_SERVER.search(message[:_READ]):
        return False
    return _OF_THE_REQUEST.search(message[:_READ]) is not None


def sentence(head: str, reason: str) -> str:
    """Return a sentence, followed by the reason if there is one."""
    told = reason.rstrip(" .:;")
    return f"{head}: {told}." if told else f"{head}."


def _unwrapped(text: str) -> str:
    """Return the original server's message, without the wrapping of intermediaries."""
    for _ in range(4):
        wrapping = _WRAPPING.match(text)
        if wrapping is None:
            break
        text = text[wrapping.end() :].lstrip()
    if text[:1] != "{":
        return text
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        found = re.search(r"""['"]message['"]\s*:\s*(?:'([^']*)'|"((?:[^"\\]|\\.)*)")""", text)
        return text if found is None else found[1] or found[2] or ""
    inner: Json = value.get("error", value) if isinstance(value.get("error", value), dict) else {}
    message = inner.get("message", inner.get("detail"))
    return message if isinstance(message, str) else text
