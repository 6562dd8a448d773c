//! The client that the generator `rust` makes, against a live server.

use openapi::apis::chat_api::{create_chat_completion, CreateChatCompletionError};
use openapi::apis::configuration::Configuration;
use openapi::apis::models_api::{list_models, retrieve_model};
use openapi::apis::{Error, ResponseContent};
use openapi::models::{self, ChatCompletionMessageToolCallsInner as Call, ChatCompletionRequestMessage as Message};
use parley_programs::{events, key, url, MODEL};
use serde_json::{from_value, json, Value};

fn server() -> Configuration {
    Configuration { base_path: url() + "/v1", bearer_access_token: Some(key()), ..Configuration::new() }
}

fn said(text: &str) -> Message {
    let content = models::ChatCompletionRequestUserMessageContent::String(text.into());
    Message::ChatCompletionRequestUserMessage(Box::new(models::ChatCompletionRequestUserMessage::new(
        content,
        models::chat_completion_request_user_message::Role::User,
    )))
}

fn request(text: &str) -> models::CreateChatCompletionRequest {
    models::CreateChatCompletionRequest {
        max_completion_tokens: Some(80),
        ..models::CreateChatCompletionRequest::new(vec![said(text)], MODEL.into())
    }
}

/// The status of a refusal, and what the server said was wrong.
fn refused<T: std::fmt::Debug>(answer: Result<T, Error<CreateChatCompletionError>>) -> (u16, models::Error) {
    let Err(Error::ResponseError(ResponseContent { status, content, .. })) = answer else { panic!("{answer:?}") };
    let body: models::ErrorResponse = serde_json::from_str(&content).expect("an error of the contract");
    (status.as_u16(), *body.error)
}

#[tokio::test]
async fn a_plain_call_is_answered() {
    let answer = create_chat_completion(&server(), request("Say hello."), None).await.unwrap();
    assert!(!answer.choices[0].message.content.as_ref().unwrap().is_empty());
    assert!(answer.usage.unwrap().completion_tokens > 0);
}

#[tokio::test]
async fn a_tool_is_called_and_its_result_goes_back() {
    let tool = json!({"type": "function", "function": {"name": "get_weather", "strict": true, "parameters": {
        "type": "object", "properties": {"city": {"enum": ["Bern", "Oslo"]}},
        "required": ["city"], "additionalProperties": false}}});
    let mut asked = request("What is the weather in Oslo?");
    asked.tools = Some(vec![from_value(tool).unwrap()]);
    asked.tool_choice = Some(Box::new(models::ChatCompletionToolChoiceOption::String("required".into())));
    asked.parallel_tool_calls = Some(false);
    let answer = create_chat_completion(&server(), asked.clone(), None).await.unwrap();
    let choice = &answer.choices[0];
    assert_eq!(choice.finish_reason, models::create_chat_completion_response_choices_inner::FinishReason::ToolCalls);
    let calls = choice.message.tool_calls.clone().unwrap();
    let [Call::ChatCompletionMessageToolCall(call)] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!(call.function.name, "get_weather");
    let arguments: Value = serde_json::from_str(&call.function.arguments).unwrap();
    assert!(["Bern", "Oslo"].contains(&arguments["city"].as_str().unwrap()));

    let result = models::ChatCompletionRequestToolMessageContent::String("Sunny.".into());
    let result = models::ChatCompletionRequestToolMessage::new(
        models::chat_completion_request_tool_message::Role::Tool,
        result,
        call.id.clone(),
    );
    asked.messages.push(Message::ChatCompletionRequestAssistantMessage(Box::new(
        models::ChatCompletionRequestAssistantMessage { tool_calls: Some(calls.clone()), ..Default::default() },
    )));
    asked.messages.push(Message::ChatCompletionRequestToolMessage(Box::new(result)));
    asked.tool_choice = Some(Box::new(models::ChatCompletionToolChoiceOption::String("none".into())));
    let answer = create_chat_completion(&server(), asked, None).await.unwrap();
    assert!(answer.choices[0].message.tool_calls.is_none());
}

#[tokio::test]
async fn an_answer_obeys_a_schema() {
    let schema = json!({"type": "object", "properties": {"city": {"enum": ["Bern", "Oslo"]}},
        "required": ["city"], "additionalProperties": false});
    let mut wanted = models::ResponseFormatJsonSchemaJsonSchema::new("place".into());
    wanted.schema = Some(from_value(schema).unwrap());
    wanted.strict = Some(true);
    let format = models::ResponseFormatJsonSchema::new(models::response_format_json_schema::Type::JsonSchema, wanted);
    let mut asked = request("Name a city.");
    asked.response_format =
        Some(Box::new(models::CreateChatCompletionRequestResponseFormat::ResponseFormatJsonSchema(Box::new(format))));
    let answer = create_chat_completion(&server(), asked, None).await.unwrap();
    let place: Value = serde_json::from_str(answer.choices[0].message.content.as_ref().unwrap()).unwrap();
    assert!(["Bern", "Oslo"].contains(&place["city"].as_str().unwrap()));
}

#[tokio::test]
async fn two_choices_come_with_their_log_probabilities() {
    let mut asked = request("Say hello.");
    (asked.n, asked.logprobs, asked.top_logprobs) = (Some(2), Some(true), Some(3));
    let answer = create_chat_completion(&server(), asked, None).await.unwrap();
    assert_eq!(answer.choices.len(), 2);
    for choice in answer.choices {
        let tokens = choice.logprobs.unwrap().content.unwrap();
        assert!(tokens.iter().all(|token| token.logprob <= 0.0 && token.top_logprobs.len() == 3));
    }
}

#[tokio::test]
async fn a_refusal_names_the_parameter() {
    let asked = models::CreateChatCompletionRequest { temperature: Some(3.0), ..request("Say hello.") };
    let (status, error) = refused(create_chat_completion(&server(), asked, None).await);
    assert_eq!((status, error.param.as_deref()), (400, Some("temperature")));
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let stranger = Configuration { bearer_access_token: Some("sk-wrong".into()), ..server() };
    let (status, error) = refused(create_chat_completion(&stranger, request("Say hello."), None).await);
    assert_eq!((status, error.code.as_deref()), (401, Some("invalid_api_key")));
}

#[tokio::test]
async fn a_stream_is_not_for_the_generated_function_but_for_its_client_and_types() {
    let mut asked = request("Say hello.");
    asked.stream = Some(true);
    let error = create_chat_completion(&server(), asked.clone(), None).await.unwrap_err().to_string();
    assert!(error.contains("Received `text/event-stream"), "{error}");

    let server = server();
    let call = server.client.post(format!("{}/chat/completions", server.base_path)).bearer_auth(key()).json(&asked);
    let mut answer = call.send().await.unwrap().error_for_status().unwrap();
    let mut body = Vec::new();
    while let Some(bytes) = answer.chunk().await.unwrap() {
        body.extend(bytes);
    }
    let mut text = String::new();
    for data in events(std::str::from_utf8(&body).unwrap()) {
        let chunk: models::CreateChatCompletionStreamResponse = serde_json::from_str(data).unwrap();
        text += chunk.choices[0].delta.content.as_deref().unwrap_or("");
    }
    assert!(!text.is_empty());
}

#[tokio::test]
async fn the_models_are_listed_and_described() {
    assert_eq!(list_models(&server()).await.unwrap().data[0].id, MODEL);
    assert!(retrieve_model(&server(), MODEL).await.unwrap().x_parley.is_some());
}
