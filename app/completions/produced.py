"""Every property of a text completion, whole or in chunks, as `app.chat.produced` lists those of a chat."""

from __future__ import annotations

from ..chat.coverage import Surface, by_table
from ..chat.produced import ALWAYS, FAILURE, Produced, Rows, rows, usage
from .parameters import TEXT

_COMMON: Rows = {
    **rows(ALWAYS, "id object created model choices system_fingerprint"),
    **rows(ALWAYS, "index text finish_reason", "choices[]"),
    "choices[].logprobs": Produced(note="null unless asked for"),
    **rows(Produced("logprobs"), "tokens token_logprobs top_logprobs text_offset", "choices[].logprobs"),
    **usage(),
}

TEXTS = Surface(
    TEXT.operation,
    by_table(TEXT),
    {
        "completion": ("application/json", _COMMON),
        "chunk": (
            "text/event-stream",
            {
                **_COMMON,
                "obfuscation": Produced(note="when asked for"),
                **rows(Produced(note="when the answer fails after its beginning"), FAILURE),
            },
        ),
    },
)
