import assert from "node:assert/strict";
import { test } from "node:test";

import type { CreateChatCompletionRequestToolsInner } from "parley-client";

import { chat, models, request } from "./client.js";

const weather: CreateChatCompletionRequestToolsInner = {
  type: "function",
  _function: {
    name: "get_weather",
    strict: true,
    parameters: {
      type: "object",
      properties: { city: { type: "string", maxLength: 12 } },
      required: ["city"],
      additionalProperties: false,
    },
  },
};

test("a plain call is answered, and its headers can be read", async () => {
  const answer = await chat.createChatCompletionRaw({ createChatCompletionRequest: request({ temperature: 0 }) });
  assert.match(answer.raw.headers.get("x-request-id") ?? "", /./);
  const { choices, usage } = await answer.value();
  assert.equal(choices.length, 1);
  assert.equal(choices[0].finishReason, "stop");
  assert.match(choices[0].message.content ?? "", /hello/i);
  assert.equal(usage?.totalTokens, (usage?.promptTokens ?? 0) + (usage?.completionTokens ?? 0));
});

test("a tool is called, and its result goes back", async () => {
  const question = { role: "user", content: "What is the weather in Oslo?" } as const;
  const asked = await chat.createChatCompletion({
    createChatCompletionRequest: request({
      messages: [question],
      tools: [weather],
      toolChoice: { type: "function", _function: { name: "get_weather" } },
      maxCompletionTokens: 60,
    }),
  });
  const { content, toolCalls } = asked.choices[0].message;
  assert.equal(toolCalls?.length, 1);
  const call = toolCalls[0];
  assert(call.type === "function");
  assert.equal(call._function.name, "get_weather");
  assert.equal(typeof JSON.parse(call._function.arguments).city, "string");

  const told = await chat.createChatCompletion({
    createChatCompletionRequest: request({
      messages: [
        question,
        { role: "assistant", content, toolCalls },
        { role: "tool", toolCallId: call.id, content: "Sunny, 20 degrees." },
      ],
      tools: [weather],
      toolChoice: "none",
    }),
  });
  assert.equal(told.choices[0].message.toolCalls, undefined);
  assert.equal(typeof told.choices[0].message.content, "string");
});

test("an answer obeys a JSON schema", async () => {
  const schema = {
    type: "object",
    properties: { colour: { enum: ["red", "green"] }, count: { type: "integer", minimum: 0, maximum: 9 } },
    required: ["colour", "count"],
    additionalProperties: false,
  };
  const answer = await chat.createChatCompletion({
    createChatCompletionRequest: request({
      responseFormat: { type: "json_schema", jsonSchema: { name: "fruit", strict: true, schema } },
      maxCompletionTokens: 60,
    }),
  });
  const fruit = JSON.parse(answer.choices[0].message.content ?? "");
  assert.deepEqual(Object.keys(fruit).sort(), ["colour", "count"]);
  assert(["red", "green"].includes(fruit.colour));
});

test("two choices come with the log probabilities that were asked for", async () => {
  const answer = await chat.createChatCompletion({
    createChatCompletionRequest: request({ n: 2, logprobs: true, topLogprobs: 2, maxCompletionTokens: 4 }),
  });
  assert.deepEqual(answer.choices.map((choice) => choice.index), [0, 1]);
  for (const { logprobs } of answer.choices) {
    assert(logprobs?.content?.length);
    for (const token of logprobs.content) {
      assert(token.logprob <= 0);
      assert.equal(token.topLogprobs.length, 2);
    }
  }
});

test("parts of a message go out as they are written", async () => {
  const answer = await chat.createChatCompletion({
    createChatCompletionRequest: request({
      messages: [
        { role: "developer", content: [{ type: "text", text: "Be brief." }] },
        { role: "user", content: [{ type: "text", text: "Say hello." }] },
      ],
      stop: ["zyx"],
    }),
  });
  assert.equal(typeof answer.choices[0].message.content, "string");
});

test("the models are listed, and one is described", async () => {
  const { data } = await models.listModels();
  assert.deepEqual(data.map((model) => model.id), ["parley-tiny"]);
  const model = await models.retrieveModel({ model: "parley-tiny" });
  assert(model.xParley?.parameters.some(({ name, verdict }) => name === "temperature" && verdict === "honoured"));
});
