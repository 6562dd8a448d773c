"""Text completions: like the chat, but without conversations."""
