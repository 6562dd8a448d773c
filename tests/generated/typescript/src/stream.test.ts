import assert from "node:assert/strict";
import { test } from "node:test";

import { type CreateChatCompletionStreamResponse, CreateChatCompletionStreamResponseFromJSON } from "parley-client";

import { echoing, request } from "./client.js";
import { events } from "./events.js";

test("a stream is read from the raw answer, chunk by chunk", async () => {
  const { raw } = await echoing.createChatCompletionRaw({
    createChatCompletionRequest: request({
      model: "parley-echo",
      messages: [{ role: "user", content: "One two three." }],
      stream: true,
      streamOptions: { includeUsage: true },
    }),
  });
  assert.match(raw.headers.get("content-type") ?? "", /^text\/event-stream/);

  const chunks: CreateChatCompletionStreamResponse[] = [];
  let last = "";
  for await (const data of events(raw)) {
    if (data !== "[DONE]") chunks.push(CreateChatCompletionStreamResponseFromJSON(JSON.parse(data)));
    last = data;
  }
  assert.equal(last, "[DONE]");
  assert.equal(chunks[0].choices[0].delta.role, "assistant");
  const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
  assert.equal(text, "One two three.");
  assert.equal(chunks.at(-2)?.choices[0].finishReason, "stop");
  assert(chunks.at(-1)?.usage?.totalTokens);
});

test("a stream can be left in the middle", async () => {
  const { raw } = await echoing.createChatCompletionRaw({
    createChatCompletionRequest: request({
      model: "parley-echo",
      messages: [{ role: "user", content: "One two three four five." }],
      stream: true,
    }),
  });
  for await (const data of events(raw)) {
    assert.match(data, /chat\.completion\.chunk/);
    break;
  }
});
