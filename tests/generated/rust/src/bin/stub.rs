//! A server made with `rust-server`: it asks for the key and answers every conversation alike.
//!
//! `stub PORT KEY`

use std::env::args;
use std::net::Ipv4Addr;

use async_trait::async_trait;
use headers::authorization::{Basic, Bearer};
use headers::Authorization as Header;
use hyper::server::conn::http1;
use hyper::service::Service as HyperService;
use hyper::Request;
use hyper_util::rt::TokioIo;
use openapi_client::context::AddContext;
use openapi_client::{
    Api, AuthenticationApi, DeleteChatCompletionResponse, GetChatCompletionMessagesResponse, GetChatCompletionResponse, ListChatCompletionsResponse, Service, UpdateChatCompletionResponse, models,
};
use openapi_client::{CreateChatCompletionResponse, ListModelsResponse, RetrieveModelResponse};
use swagger::auth::Scopes;
use swagger::{ApiError, AuthData, Authorization, EmptyContext, Has, Nullable, OneOf2, Push, XSpanIdString};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() {
    let [port, key] = args().skip(1).collect::<Vec<_>>().try_into().expect("stub PORT KEY");
    let address = (Ipv4Addr::LOCALHOST, port.parse().expect("PORT is a number"));
    let listener = TcpListener::bind(address).await.expect("the port is free");
    let server = Server { key };
    loop {
        let (connection, _) = listener.accept().await.expect("a connection");
        let service = Authenticator { inner: Service::new(server.clone(), false), server: server.clone() };
        let service = AddContext::<_, EmptyContext>::new(service);
        // A client that leaves is no concern of the others.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), service));
    }
}

/// Turns what a request says of its sender into what the generated service asks for: who it is, if anyone.
#[derive(Clone)]
struct Authenticator<S> {
    inner: S,
    server: Server,
}

impl<S, B, C> HyperService<(Request<B>, C)> for Authenticator<S>
where
    C: Has<Option<AuthData>> + Push<Option<Authorization>>,
    S: HyperService<(Request<B>, C::Result)>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, (request, context): (Request<B>, C)) -> Self::Future {
        let known = match Has::<Option<AuthData>>::get(&context) {
            Some(AuthData::Bearer(token)) => Header::bearer(token).ok(),
            _ => None,
        };
        let sender = known.and_then(|header| self.server.bearer_authorization(&header.0).ok());
        self.inner.call((request, context.push(sender)))
    }
}

#[derive(Clone)]
struct Server {
    key: String,
}

impl AuthenticationApi for Server {
    fn bearer_authorization(&self, bearer: &Bearer) -> Result<Authorization, ApiError> {
        if bearer.token() != self.key {
            return Err(ApiError("Incorrect API key provided.".into()));
        }
        Ok(Authorization { subject: "client".into(), scopes: Scopes::All, issuer: None })
    }

    fn apikey_authorization(&self, _: &str) -> Result<Authorization, ApiError> {
        Err(ApiError("The key is sent as a bearer token.".into()))
    }

    fn basic_authorization(&self, _: &Basic) -> Result<Authorization, ApiError> {
        Err(ApiError("The key is sent as a bearer token.".into()))
    }
}

#[async_trait]
impl<C: Has<XSpanIdString> + Send + Sync> Api<C> for Server {
    async fn create_chat_completion(
        &self,
        request: models::CreateChatCompletionRequest,
        _: Option<String>,
        _: &C,
    ) -> Result<CreateChatCompletionResponse, ApiError> {
        let message = models::ChatCompletionResponseMessage::new(
            Nullable::Present("Hello.".into()),
            Nullable::Null,
            models::ChatCompletionResponseMessageRole::Assistant,
        );
        let choice = models::CreateChatCompletionResponseChoicesInner::new(
            models::CreateChatCompletionResponseChoicesInnerFinishReason::Stop,
            0,
            message,
            Nullable::Null,
        );
        let body = models::CreateChatCompletionResponse::new(
            "chatcmpl-1".into(),
            vec![choice],
            1_785_542_400,
            request.model,
            models::CreateChatCompletionResponseObject::ChatCompletion,
        );
        Ok(CreateChatCompletionResponse::OK {
            body: OneOf2::A(body),
            x_request_id: None,
            idempotent_replayed: None,
        })
    }

    async fn list_chat_completions(
        &self,
        _: Option<String>,
        _: Option<u8>,
        _: Option<models::ListChatCompletionsOrderParameter>,
        _: Option<String>,
        _: &C,
    ) -> Result<ListChatCompletionsResponse, ApiError> {
        Err(nothing_stored())
    }

    async fn get_chat_completion(&self, _: String, _: &C) -> Result<GetChatCompletionResponse, ApiError> {
        Err(nothing_stored())
    }

    async fn update_chat_completion(
        &self,
        _: String,
        _: models::UpdateChatCompletionRequest,
        _: &C,
    ) -> Result<UpdateChatCompletionResponse, ApiError> {
        Err(nothing_stored())
    }

    async fn delete_chat_completion(&self, _: String, _: &C) -> Result<DeleteChatCompletionResponse, ApiError> {
        Err(nothing_stored())
    }

    async fn get_chat_completion_messages(
        &self,
        _: String,
        _: Option<String>,
        _: Option<u8>,
        _: Option<models::ListChatCompletionsOrderParameter>,
        _: &C,
    ) -> Result<GetChatCompletionMessagesResponse, ApiError> {
        Err(nothing_stored())
    }

    async fn list_models(&self, _: &C) -> Result<ListModelsResponse, ApiError> {
        Err(ApiError("The stub has no models.".into()))
    }

    async fn retrieve_model(&self, _: String, _: &C) -> Result<RetrieveModelResponse, ApiError> {
        Err(ApiError("The stub has no models.".into()))
    }
}

fn nothing_stored() -> ApiError {
    ApiError("The stub stores nothing.".into())
}
