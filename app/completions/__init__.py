"""The completion of texts: as the chat, without conversations."""
