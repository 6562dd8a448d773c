//! The client that the generator `rust-server` makes, against a live server.

use openapi_client::{models, ApiNoContext, Client, ContextWrapperExt};
use openapi_client::{CreateChatCompletionResponse as Answer, ListModelsResponse, RetrieveModelResponse};
use parley_programs::{events, key, url, MODEL};
use serde_json::{from_value, json, Value};
use swagger::{make_context, make_context_ty, AuthData, ContextBuilder, EmptyContext, OneOf2, Push, XSpanIdString};
use validator::Validate;

type Context = make_context_ty!(ContextBuilder, EmptyContext, Option<AuthData>, XSpanIdString);

fn server(key: &str) -> impl ApiNoContext<Context> {
    let context: Context =
        make_context!(ContextBuilder, EmptyContext, AuthData::bearer(key), XSpanIdString::default());
    Client::try_new_http(&url()).expect("an address").with_context(context)
}

fn said(text: &str) -> models::ChatCompletionRequestMessage {
    let content = models::ChatCompletionRequestUserMessageContent::from(OneOf2::A(text.into()));
    let role = models::ChatCompletionRequestUserMessageRole::User;
    swagger::OneOf6::C(models::ChatCompletionRequestUserMessage::new(content, role)).into()
}

fn request(text: &str) -> models::CreateChatCompletionRequest {
    models::CreateChatCompletionRequest {
        max_completion_tokens: Some(80),
        ..models::CreateChatCompletionRequest::new(vec![said(text)], MODEL.into())
    }
}

async fn ask(request: models::CreateChatCompletionRequest) -> models::CreateChatCompletionResponse {
    match server(&key()).create_chat_completion(request, None).await.unwrap() {
        Answer::OK { body: OneOf2::A(body), .. } => body,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_plain_call_is_answered() {
    let answer = ask(request("Say hello.")).await;
    assert!(answer.choices[0].message.content.as_ref().map_or(false, |text| !text.is_empty()));
    assert!(answer.usage.unwrap().completion_tokens > 0);
}

#[tokio::test]
async fn a_tool_is_called_and_its_result_goes_back() {
    let tool = json!({"type": "function", "function": {"name": "get_weather", "strict": true, "parameters": {
        "type": "object", "properties": {"city": {"enum": ["Bern", "Oslo"]}},
        "required": ["city"], "additionalProperties": false}}});
    let mut asked = request("What is the weather in Oslo?");
    asked.tools = Some(vec![from_value(tool).unwrap()]);
    asked.tool_choice = Some(from_value(json!("required")).unwrap());
    asked.parallel_tool_calls = Some(false);
    let answer = ask(asked.clone()).await;
    let choice = &answer.choices[0];
    assert_eq!(choice.finish_reason, models::CreateChatCompletionResponseChoicesInnerFinishReason::ToolCalls);
    let calls = choice.message.tool_calls.clone().unwrap();
    let OneOf2::A(call) = &*calls[0] else { panic!("{calls:?}") };
    assert_eq!(call.function.name, "get_weather");
    let arguments: Value = serde_json::from_str(&call.function.arguments).unwrap();
    assert!(["Bern", "Oslo"].contains(&arguments["city"].as_str().unwrap()));

    let result = models::ChatCompletionRequestToolMessage::new(
        models::ChatCompletionRequestToolMessageRole::Tool,
        OneOf2::A("Sunny.".to_string()).into(),
        call.id.clone(),
    );
    let mut called = models::ChatCompletionRequestAssistantMessage::new(
        models::ChatCompletionRequestAssistantMessageRole::Assistant,
    );
    called.tool_calls = Some(calls.clone());
    asked.messages.push(swagger::OneOf6::D(called).into());
    asked.messages.push(swagger::OneOf6::E(result).into());
    asked.tool_choice = Some(from_value(json!("none")).unwrap());
    assert!(ask(asked).await.choices[0].message.tool_calls.is_none());
}

#[tokio::test]
async fn an_answer_obeys_a_schema() {
    let schema = json!({"type": "object", "properties": {"city": {"enum": ["Bern", "Oslo"]}},
        "required": ["city"], "additionalProperties": false});
    let mut wanted = models::ResponseFormatJsonSchemaJsonSchema::new("place".into());
    wanted.schema = Some(from_value(schema).unwrap());
    wanted.strict = Some(true);
    let format = models::ResponseFormatJsonSchema::new(models::ResponseFormatJsonSchemaType::JsonSchema, wanted);
    let mut asked = request("Name a city.");
    asked.response_format = Some(swagger::OneOf3::B(format).into());
    let answer = ask(asked).await;
    let place: Value = serde_json::from_str(answer.choices[0].message.content.as_ref().unwrap()).unwrap();
    assert!(["Bern", "Oslo"].contains(&place["city"].as_str().unwrap()));
}

#[tokio::test]
async fn two_choices_come_with_their_log_probabilities() {
    let mut asked = request("Say hello.");
    (asked.n, asked.logprobs, asked.top_logprobs) = (Some(2), Some(true), Some(3));
    let answer = ask(asked).await;
    assert_eq!(answer.choices.len(), 2);
    for choice in answer.choices {
        let tokens = choice.logprobs.unwrap().content.unwrap();
        assert!(tokens.iter().all(|token| token.logprob <= 0.0 && token.top_logprobs.len() == 3));
    }
}

#[tokio::test]
async fn a_refusal_names_the_parameter() {
    let asked = models::CreateChatCompletionRequest { temperature: Some(3.0), ..request("Say hello.") };
    match server(&key()).create_chat_completion(asked, None).await.unwrap() {
        Answer::TheRequestBreaksThisContract { body, .. } => {
            assert_eq!(body.error.param, swagger::Nullable::Present("temperature".into()))
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_request_knows_its_own_bounds_and_not_those_of_its_messages() {
    let mut asked = request("Say hello.");
    assert!(asked.validate().is_ok());
    asked.temperature = Some(3.0);
    assert!(asked.validate().is_err());
    let nothing: Vec<models::ChatCompletionRequestUserMessageContentPart> = vec![];
    let content = models::ChatCompletionRequestUserMessageContent::from(OneOf2::B(nothing));
    let role = models::ChatCompletionRequestUserMessageRole::User;
    let empty = swagger::OneOf6::C(models::ChatCompletionRequestUserMessage::new(content, role));
    let asked = models::CreateChatCompletionRequest::new(vec![empty.into()], MODEL.into());
    assert!(asked.validate().is_ok());
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    match server("sk-wrong").create_chat_completion(request("Say hello."), None).await.unwrap() {
        Answer::TheKeyIsMissingOrUnknown { body, www_authenticate, .. } => {
            assert_eq!(body.error.code, swagger::Nullable::Present("invalid_api_key".into()));
            assert_eq!(www_authenticate.as_deref(), Some("Bearer"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_stream_comes_whole_once_it_has_ended() {
    let mut asked = request("Say hello.");
    asked.stream = Some(true);
    let answer = server(&key()).create_chat_completion(asked, None).await.unwrap();
    let Answer::OK { body: OneOf2::B(stream), .. } = answer else { panic!("{answer:?}") };
    let mut text = String::new();
    for data in events(&stream) {
        let chunk: models::CreateChatCompletionStreamResponse = serde_json::from_str(data).unwrap();
        text += chunk.choices[0].delta.content.as_deref().unwrap_or("");
    }
    assert!(!text.is_empty());
}

#[tokio::test]
async fn the_models_are_listed_and_described() {
    match server(&key()).list_models().await.unwrap() {
        ListModelsResponse::OK { body, .. } => assert_eq!(body.data[0].id, MODEL),
        other => panic!("{other:?}"),
    }
    match server(&key()).retrieve_model(MODEL.into()).await.unwrap() {
        RetrieveModelResponse::OK { body, .. } => assert!(body.x_parley.is_some()),
        other => panic!("{other:?}"),
    }
}
