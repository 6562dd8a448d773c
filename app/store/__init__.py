"""What outlives a request, in a database: keys, limits, usage, stored completions, answers to repeat, the audit log.

Nothing here is imported until there is a database.
"""
