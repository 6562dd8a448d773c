"""The domain of chats: models, parameters, policy, load, completions and chunks. Nothing here is HTTP."""
