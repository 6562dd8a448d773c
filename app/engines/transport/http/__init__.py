"""A client for HTTP/1.1: kept connections, answers that arrive in pieces, and bounds on what a server may send.

It does what requests to engines need and no more: no redirects, no cookies, no proxies.
"""
