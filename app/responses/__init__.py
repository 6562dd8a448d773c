"""The Responses API, built on the chat domain: a request becomes a chat request, and the model's output becomes items
and events. No state is kept between requests."""
