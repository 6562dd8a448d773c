"""How answers of each operation are read, in the form of a chat completion: so that one judge serves them all."""
