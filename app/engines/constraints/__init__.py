"""What binds an answer: schemas, grammars, tools and the response format."""
