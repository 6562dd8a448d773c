"""The operators' API: keys, projects, limits, usage and the audit log, on an address of its own.

What needs the database is imported only when the API is served (`PARLEY_ADMIN_BIND`).
"""
