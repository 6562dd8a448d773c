"""The headers of requests to an upstream, from its configuration, and the secrets that no error may show."""

from __future__ import annotations

from yarl import URL

from .http.request import Fields
from .options import UpstreamOptions


def headers_of(options: UpstreamOptions, accept: str, *, body: bool = True) -> Fields:
    """Return the headers of requests to an upstream; ``body``: the requests have a JSON body."""
    pairs = [("Accept", accept), ("Accept-Encoding", "identity"), ("User-Agent", "parley")]
    if body:
        pairs.append(("Content-Type", "application/json"))
    if options.key is not None:
        pairs.append(("Authorization", f"Bearer {options.key}"))
    return Fields([*pairs, *options.headers.items()])


def secrets_of(options: UpstreamOptions) -> tuple[str, ...]:
    """Return the texts that no error may show, the longest first."""
    found = {options.key or "", *options.headers.values(), *options.base_urls}
    for text in options.base_urls:
        url = URL(text)
        # A host without a dot is a service name, and may be an ordinary word in errors.
        found |= {f"{url.host}:{url.port}", url.host if url.host and "." in url.host else ""}
    return tuple(sorted((secret for secret in found if secret and len(secret) > 3), key=len, reverse=True))
