"""The chat domain: models, parameters, policy, load, completions and chunks. Nothing here depends on HTTP."""
