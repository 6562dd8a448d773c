"""The newer way to ask a model, over the chat domain: a request becomes a chat request, and what the model gives
becomes items and events. Nothing is kept from one request to the next."""
