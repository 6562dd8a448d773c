import assert from "node:assert/strict";
import { test } from "node:test";

import { type ApiError, type CreateChatCompletionRequest, ErrorResponseFromJSON, ResponseError } from "parley-client";

import { chat, request, withKey } from "./client.js";

// The answer and its error, of a request that must fail.
async function failure(api: typeof chat, sent: CreateChatCompletionRequest): Promise<[Response, ApiError]> {
  try {
    await api.createChatCompletion({ createChatCompletionRequest: sent });
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error;
    return [error.response, ErrorResponseFromJSON(await error.response.json()).error];
  }
  assert.fail("it was answered");
}

test("a value out of bounds is a 400 that names it", async () => {
  const [response, error] = await failure(chat, request({ temperature: 2.5 }));
  assert.equal(response.status, 400);
  assert.equal(error.param, "temperature");
  assert.equal(error.code, "decimal_above_max_value");
});

test("what the model cannot do is a 400 that names it, deep in the request too", async () => {
  const picture = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } };
  const [response, error] = await failure(chat, request({ messages: [{ role: "user", content: [picture] }] }));
  assert.equal(response.status, 400);
  assert.match(error.param ?? "", /^messages\[0\]\.content\[0\]/);
});

test("a voice is sent by its name", async () => {
  const [response, error] = await failure(
    chat,
    request({ modalities: ["text", "audio"], audio: { voice: "alloy", format: "wav" } }),
  );
  assert.equal(response.status, 400);
  assert.equal(error.code, "unsupported_parameter");
});

test("a wrong key is a 401 that says how to send one", async () => {
  const [response, error] = await failure(withKey("sk-wrong"), request());
  assert.equal(response.status, 401);
  assert.match(response.headers.get("www-authenticate") ?? "", /^Bearer/);
  assert.equal(error.code, "invalid_api_key");
});

test("an unknown model is a 404", async () => {
  const [response, error] = await failure(chat, request({ model: "gpt-0" }));
  assert.equal(response.status, 404);
  assert.equal(error.param, "model");
});
