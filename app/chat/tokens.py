"""How many tokens a text may have, where its model has not counted them.

A token of the usual vocabularies is about four characters of English, or three bytes of other scripts in UTF-8. The
estimate is made to reserve limits; what is charged in the end is what the model counted.
"""

from __future__ import annotations

from typing import Any

import orjson

_ASCII_BYTES = 4
_OTHER_BYTES = 3
# What a message, a picture or a sound has besides its text: role and separators; a small picture of most models.
_MESSAGE = 4
_MEDIA = 256
_MEDIA_NAMES = frozenset({"image_url", "input_audio", "file"})


def estimated(value: Any) -> int:
    """Return the estimated number of tokens in messages, in a text, or in lists of these; token ids count one each."""
    if isinstance(value, str):
        if value.isascii():
            return -(-len(value) // _ASCII_BYTES)
        return -(-len(value.encode(errors="replace")) // _OTHER_BYTES)
    tokens = 0
    if isinstance(value, list):
        for item in value:
            tokens += 1 if isinstance(item, int) else estimated(item)
    elif isinstance(value, dict):
        tokens = _MESSAGE
        for name, member in value.items():
            tokens += _MEDIA if name in _MEDIA_NAMES else estimated(member)
    return tokens


def estimated_json(*values: Any) -> int:
    """Return the estimated number of tokens in JSON values that the model is shown as they are, such as tools; None
    has none."""
    # Names are a part of it: a schema has few other texts.
    return sum(estimated(orjson.dumps(value, default=str).decode()) for value in values if value is not None)
