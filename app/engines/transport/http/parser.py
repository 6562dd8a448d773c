"""Takes apart what arrives on a connection: one answer after the other. This module does no I/O.

The parser is llhttp, that of Node, in httptools. It frames messages; here are the limits that it does not have, and the
end of an answer that ends with its connection.
"""

from __future__ import annotations

import httptools

from .errors import Malformed

LARGEST_FIELD = 8 << 10  # bytes of a header field, with its name
MOST_FIELDS = 128
# Bytes in a row that add nothing to a body: the head of an answer, fields after a body, extensions of chunks.
LARGEST_HEAD = 1 << 16


class Parser:
    """Call `expect` for each answer, then `feed` with what arrives, and `ends` when the connection ends.

    ``status`` is 0 until the head of the answer is complete; ``pieces`` are the parts of its body that have arrived;
    take them out of the list. ``fields`` are the header fields, with names in lower case; of several of one name the
    first. ``complete``: the answer has arrived as a whole. ``reusable``: the connection may be used for another request
    after that.
    """

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.on_body = self.pieces.append
        self.expect()
        self._parser = httptools.HttpResponseParser(self)
        # What many servers get wrong, and other clients accept.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )

    def expect(self) -> None:
        """Prepare for the next answer."""
        self.status = 0
        self.fields: dict[bytes, bytes] = {}
        self._coding = b""  # the last field with the transfer coding
        self.complete = self.reusable = self.begun = False
        self._until_end = False
        self._count = 0  # of fields
        self._mute = 0  # bytes since the last ones of a body

    def feed(self, data: bytes | memoryview) -> None:
        """Parse what has arrived.

        Raises:
            Malformed: it is not HTTP, or exceeds a limit.
        """
        if self.complete:
            self.reusable = False  # nobody asked for this
            return
        self.begun = True
        self._mute += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self.complete:
                raise Malformed("the answer is not HTTP") from None
            self.reusable = False
        if self.pieces:
            self._mute = 0
        elif self._mute > LARGEST_HEAD and not self.complete:
            raise Malformed("the head of the answer is too large")

    def ends(self) -> bool:
        """Note that the connection has ended. Return whether the answer has, too."""
        self.complete, self.reusable = self.complete or self._until_end, False
        return self.complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser for each header field, also for those after a body."""
        self._count += 1
        if self._count > MOST_FIELDS or len(name) + len(value) > LARGEST_FIELD:
            raise Malformed("the head of the answer is too large")
        if not self.status:
            name = name.lower()
            self.fields.setdefault(name, value)
            if name == b"transfer-encoding":
                self._coding = value

    def on_headers_complete(self) -> None:
        """Called by the parser after the header fields."""
        status = self._parser.get_status_code()
        if status < 200:
            if status == 101:
                raise Malformed("the server switches to another protocol, which nobody asked for")
            return  # more to come (RFC 9110, 15.2)
        self.status = status
        self.reusable = self._parser.should_keep_alive()
        self._until_end = not (status in (204, 304) or self._framed())

    def on_message_complete(self) -> None:
        """Called by the parser at the end of an answer, also of an interim one."""
        if self.status:
            self.complete = True
        else:
            self.fields.clear()

    def on_message_begin(self) -> None:
        """Called by the parser at the beginning of an answer."""
        if self.complete:
            raise Malformed("more than the answer arrived")

    def _framed(self) -> bool:
        """Whether the answer says where it ends (RFC 9112, 6.3)."""
        if b"transfer-encoding" in self.fields:
            return self._coding.lower().rpartition(b",")[2].strip() == b"chunked"
        return b"content-length" in self.fields
