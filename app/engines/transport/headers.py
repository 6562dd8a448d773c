"""What requests to an upstream carry of its configuration, and what of that no error may show."""

from __future__ import annotations

from multidict import CIMultiDict
from yarl import URL

from .options import UpstreamOptions


def headers_of(options: UpstreamOptions, accept: str, *, body: bool = True) -> CIMultiDict[str]:
    """The headers of requests to an upstream; ``body``: they carry JSON."""
    headers = CIMultiDict({"Accept": accept, "Accept-Encoding": "identity", "User-Agent": "parley"})
    if body:
        headers["Content-Type"] = "application/json"
    if options.key is not None:
        headers["Authorization"] = f"Bearer {options.key}"
    headers.update(options.headers)
    return headers


def secrets_of(options: UpstreamOptions) -> tuple[str, ...]:
    """What no error may show, the longest first."""
    found = {options.key or "", *options.headers.values(), *options.base_urls}
    for text in options.base_urls:
        url = URL(text)
        # A bare word is the name of a service, and a word that errors may use.
        found |= {f"{url.host}:{url.port}", url.host if url.host and "." in url.host else ""}
    return tuple(sorted((secret for secret in found if secret and len(secret) > 3), key=len, reverse=True))
