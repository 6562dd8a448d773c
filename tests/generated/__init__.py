"""Clients and servers that openapi-generator makes of the contract, built by their own tools and run.

``make clients`` runs these tests and nothing else does: they want compilers, package registries and minutes. A test
whose toolchain is missing skips and says so. What they build is kept in ``build/clients`` and made again only after
the contract, or what made it, has changed.
"""
