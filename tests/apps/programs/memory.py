"""mem0 as its documentation configures it: memories are written by a model, found by their vectors, and kept in a
folder."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from mem0 import Memory


def main(model: str, embedder: str, folder: str) -> dict[str, Any]:
    memory = Memory.from_config(
        {
            "llm": {"provider": "openai", "config": {"model": model}},
            "embedder": {"provider": "openai", "config": {"model": embedder, "embedding_dims": 64}},
            "vector_store": {
                "provider": "qdrant",
                "config": {"path": os.path.join(folder, "vectors"), "embedding_model_dims": 64},
            },
            "history_db_path": os.path.join(folder, "history.db"),
        }
    )
    for text in ("Anna likes pears", "Bert plays the tuba"):
        memory.add(text, user_id="anna", infer=False)
    inferred = memory.add([{"role": "user", "content": "I moved to Oslo last year."}], user_id="bert")
    found = memory.search("Bert plays the tuba", filters={"user_id": "anna"}, top_k=1)
    return {
        "found": [each["memory"] for each in found["results"]],
        "all": sorted(each["memory"] for each in memory.get_all(filters={"user_id": "anna"})["results"]),
        "inferred": inferred["results"],
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
