"""The domain of chats: models, parameters, policy, load, completions and chunks. Engines answer; nothing here is HTTP."""
