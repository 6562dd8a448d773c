// The generated client, with what differs from one installation to the next, and what all the tests say.
import { ChatApi, Configuration, type CreateChatCompletionRequest, ModelsApi } from "parley-client";

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

const accessToken = setting("PARLEY_API_KEY");
const model = new Configuration({ basePath: setting("PARLEY_BASE_URL"), accessToken });
const echo = new Configuration({ basePath: setting("ECHO_BASE_URL"), accessToken });

export const chat = new ChatApi(model);
export const models = new ModelsApi(model);
// A server that says the last message again, for what must be certain to the letter.
export const echoing = new ChatApi(echo);
export const withKey = (key: string): ChatApi =>
  new ChatApi(new Configuration({ basePath: setting("PARLEY_BASE_URL"), accessToken: key }));

export function request(more: Partial<CreateChatCompletionRequest> = {}): CreateChatCompletionRequest {
  return {
    model: "parley-tiny",
    messages: [{ role: "user", content: "Say hello." }],
    maxCompletionTokens: 20,
    ...more,
  };
}
