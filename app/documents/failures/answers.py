"""What a document describes about the errors and the streams of an operation."""

from __future__ import annotations

from collections.abc import Mapping

from ...contract.document import Document
from ...contract.media import is_json, split_type
from ...contract.operations import Operation
from ...errors import DocumentError
from ..samples.responses import Response, ResponseMedia


def failing(listed: Mapping[str, Response], status: int) -> str | None:
    """Return the key of the response for the status of an error: the status itself, its range, or ``default``."""
    found = next((key for key in (str(status), f"{status // 100}XX", "default") if key in listed), None)
    return found if found is not None and is_for_errors(listed, found) else None


def similar(listed: Mapping[str, Response], status: int) -> list[str]:
    """Return the keys of the responses for other errors, the most similar first: many documents have 422 for what is
    400 here, and client errors usually have the same shape."""
    keys = [key for key in listed if is_for_errors(listed, key) and key != "default"]
    return sorted(keys, key=lambda key: (key[0] != str(status)[0], not (status == 400 and key == "422")))


def is_for_errors(listed: Mapping[str, Response], key: str) -> bool:
    """Whether a response is for errors; ``default`` is if there are separate responses for success."""
    return key[0] in "45" or (key == "default" and any(each[0] in "23" for each in listed))


def json_media(response: Response) -> list[ResponseMedia]:
    """Return the media types of a response that are JSON and have a schema."""
    return [media for media in response.media if media.schema and is_json(split_type(media.type)[0])]


def speaks_of(document: Document, operation: Operation, text: str) -> bool:
    """Whether the description of an operation, or anything that it refers to, contains a text."""
    item, _ = document.resolve(document.paths[operation.path])
    left, seen = [item[operation.method]], set[str]()
    while left:
        node = left.pop()
        if isinstance(node, str):
            if text in node:
                return True
        elif isinstance(node, list):
            left += node
        elif isinstance(node, dict):
            left += node.values()
            reference = node.get("$ref")
            if isinstance(reference, str) and reference not in seen:
                seen.add(reference)
                try:
                    left.append(document.resolve({"$ref": reference})[0])
                except DocumentError:
                    continue  # reported elsewhere
    return False
