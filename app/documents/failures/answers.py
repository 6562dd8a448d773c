"""What a document says of the errors and the streams of an operation."""

from __future__ import annotations

from collections.abc import Mapping

from ...contract.document import Document
from ...contract.media import is_json, split_type
from ...contract.operations import Operation
from ...errors import DocumentError
from ..samples.responses import Response, ResponseMedia


def failing(listed: Mapping[str, Response], status: int) -> str | None:
    """The key of the answer that is listed for the status of an error: the status itself, its range, or ``default``."""
    found = next((key for key in (str(status), f"{status // 100}XX", "default") if key in listed), None)
    return found if found is not None and is_for_errors(listed, found) else None


def similar(listed: Mapping[str, Response], status: int) -> list[str]:
    """The keys of the answers for other errors, the most similar first: 422 is what many documents have for what is 400
    here, and errors of the client's are rather told alike."""
    keys = [key for key in listed if is_for_errors(listed, key) and key != "default"]
    return sorted(keys, key=lambda key: (key[0] != str(status)[0], not (status == 400 and key == "422")))


def is_for_errors(listed: Mapping[str, Response], key: str) -> bool:
    """Whether an answer is one for errors; ``default`` is where successes have answers of their own."""
    return key[0] in "45" or (key == "default" and any(each[0] in "23" for each in listed))


def json_media(response: Response) -> list[ResponseMedia]:
    """The media types of an answer that are JSON and have a schema."""
    return [media for media in response.media if media.schema and is_json(split_type(media.type)[0])]


def speaks_of(document: Document, operation: Operation, text: str) -> bool:
    """Whether a text stands anywhere in what a document says of an operation, or in what that refers to."""
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
                    continue  # told elsewhere
    return False
