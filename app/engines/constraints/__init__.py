"""The constraints of an answer: schemas, grammars, tools and the response format."""
