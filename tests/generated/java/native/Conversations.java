import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.math.BigDecimal;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.ChatApi;
import org.openapitools.client.api.ModelsApi;
import org.openapitools.client.model.*;

/**
 * Has the conversations that its arguments name, after a server's address and a model, and prints what came of each as a
 * line of JSON.
 */
public class Conversations {
    private static final Map<String, Object> PLACE = Map.of(
        "type", "object",
        "properties", Map.of("city", Map.of("type", "string", "enum", List.of("Bern", "Oslo"))),
        "required", List.of("city"),
        "additionalProperties", false);

    private final String base;
    private final String key;
    private final String model;
    private final ApiClient client = new ApiClient();
    private final ObjectMapper mapper = client.getObjectMapper();
    private final ChatApi chat;

    Conversations(String base, String key, String model) {
        this.base = base;
        this.key = key;
        this.model = model;
        client.updateBaseUri(base);
        client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + key));
        chat = new ChatApi(client);
    }

    public static void main(String[] arguments) throws Exception {
        Conversations conversations = new Conversations(arguments[0], System.getenv("API_KEY"), arguments[1]);
        for (String name : List.of(arguments).subList(2, arguments.length)) {
            Map<String, Object> came = conversations.have(name);
            System.out.println(conversations.mapper.writeValueAsString(Map.of(name, came)));
        }
    }

    private Map<String, Object> have(String name) throws Exception {
        switch (name) {
            case "plain": return plain();
            case "models": return models();
            case "tools": return tools();
            case "schema": return schema();
            case "choices": return choices();
            case "logprobs": return logprobs();
            case "refused": return refused();
            case "stranger": return stranger();
            case "stream": return stream();
            case "stream as generated": return streamAsGenerated();
            default: throw new IllegalArgumentException(name);
        }
    }

    private Map<String, Object> plain() throws ApiException {
        CreateChatCompletionResponse answer = chat.createChatCompletion(request(said("Say hello.")), null);
        CreateChatCompletionResponseChoicesInner choice = answer.getChoices().get(0);
        return Map.of(
            "content", choice.getMessage().getContent(),
            "finish_reason", choice.getFinishReason().getValue(),
            "completion_tokens", answer.getUsage().getCompletionTokens());
    }

    private Map<String, Object> models() throws ApiException {
        ModelsApi models = new ModelsApi(client);
        List<Model> listed = models.listModels().getData();
        return Map.of("listed", listed.get(0).getId(), "one", models.retrieveModel(model).getId());
    }

    /** The model is made to call a function, and answers once it has been told what the function gave. */
    private Map<String, Object> tools() throws Exception {
        ChatCompletionTool tool = new ChatCompletionTool()
            .type(ChatCompletionTool.TypeEnum.FUNCTION)
            .function(new FunctionObject().name("get_weather").parameters(PLACE).strict(true));
        ChatCompletionNamedToolChoice choice = new ChatCompletionNamedToolChoice()
            .type(ChatCompletionNamedToolChoice.TypeEnum.FUNCTION)
            .function(new ChatCompletionNamedToolChoiceFunction().name("get_weather"));
        List<ChatCompletionRequestMessage> messages = new ArrayList<>(said("What is the weather in Bern?"));
        CreateChatCompletionRequest request = request(messages)
            .maxCompletionTokens(60)
            .tools(List.of(new CreateChatCompletionRequestToolsInner(tool)))
            .toolChoice(choice);
        ChatCompletionResponseMessage message = chat.createChatCompletion(request, null).getChoices().get(0).getMessage();
        ChatCompletionMessageToolCall call = message.getToolCalls().get(0).getChatCompletionMessageToolCall();

        messages.add(new ChatCompletionRequestMessage(new ChatCompletionRequestAssistantMessage()
            .role(ChatCompletionRequestAssistantMessage.RoleEnum.ASSISTANT)
            .toolCalls(message.getToolCalls())));
        messages.add(new ChatCompletionRequestMessage(new ChatCompletionRequestToolMessage()
            .role(ChatCompletionRequestToolMessage.RoleEnum.TOOL)
            .toolCallId(call.getId())
            .content("Sunny.")));
        CreateChatCompletionResponse answer = chat.createChatCompletion(request.toolChoice("none"), null);
        return Map.of(
            "name", call.getFunction().getName(),
            "arguments", mapper.readTree(call.getFunction().getArguments()),
            "answer", answer.getChoices().get(0).getMessage().getContent());
    }

    private Map<String, Object> schema() throws Exception {
        ResponseFormatJsonSchema format = new ResponseFormatJsonSchema()
            .type(ResponseFormatJsonSchema.TypeEnum.JSON_SCHEMA)
            .jsonSchema(new ResponseFormatJsonSchemaJsonSchema().name("place").schema(PLACE).strict(true));
        CreateChatCompletionRequest request = request(said("Name a city."))
            .maxCompletionTokens(60)
            .responseFormat(new CreateChatCompletionRequestResponseFormat(format));
        CreateChatCompletionResponse answer = chat.createChatCompletion(request, null);
        return Map.of("content", mapper.readTree(answer.getChoices().get(0).getMessage().getContent()));
    }

    private Map<String, Object> choices() throws ApiException {
        CreateChatCompletionResponse answer = chat.createChatCompletion(request(said("Say hello.")).n(2), null);
        return Map.of("indexes", answer.getChoices().stream()
            .map(CreateChatCompletionResponseChoicesInner::getIndex).sorted().collect(Collectors.toList()));
    }

    private Map<String, Object> logprobs() throws ApiException {
        CreateChatCompletionRequest request = request(said("Say hello.")).logprobs(true).topLogprobs(2);
        ChatCompletionTokenLogprob token =
            chat.createChatCompletion(request, null).getChoices().get(0).getLogprobs().getContent().get(0);
        return Map.of("logprob", token.getLogprob(), "likeliest", token.getTopLogprobs().size());
    }

    private Map<String, Object> refused() throws Exception {
        return failure(chat, request(said("Say hello.")).temperature(BigDecimal.valueOf(3)));
    }

    private Map<String, Object> stranger() throws Exception {
        return failure(new Conversations(base, "sk-wrong", model).chat, request(said("Say hello.")));
    }

    private Map<String, Object> failure(ChatApi chat, CreateChatCompletionRequest request) throws Exception {
        try {
            chat.createChatCompletion(request, null);
        } catch (ApiException e) {
            ErrorResponse body = mapper.readValue(e.getResponseBody(), ErrorResponse.class);
            return Map.of(
                "status", e.getCode(),
                "param", String.valueOf(body.getError().getParam()),
                "code", String.valueOf(body.getError().getCode()));
        }
        throw new AssertionError("it was taken");
    }

    /** The generated method reads one whole answer, so a stream is asked for with the client's own HTTP client. */
    private Map<String, Object> stream() throws Exception {
        CreateChatCompletionRequest request = request(said("Say hello."))
            .stream(true)
            .streamOptions(new ChatCompletionStreamOptions().includeUsage(true));
        HttpRequest asked = HttpRequest.newBuilder(URI.create(base + "/chat/completions"))
            .header("Authorization", "Bearer " + key)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofByteArray(mapper.writeValueAsBytes(request)))
            .build();
        StringBuilder text = new StringBuilder();
        int chunks = 0;
        CreateChatCompletionStreamResponse last = null;
        try (Stream<String> lines = client.getHttpClient().send(asked, HttpResponse.BodyHandlers.ofLines()).body()) {
            Iterator<String> events = lines.filter(line -> line.startsWith("data: ")).map(line -> line.substring(6))
                .takeWhile(data -> !data.equals("[DONE]")).iterator();
            while (events.hasNext()) {
                JsonNode event = mapper.readTree(events.next());
                if (event.has("error")) {
                    throw new IllegalStateException(mapper.treeToValue(event, ErrorResponse.class).toString());
                }
                last = mapper.treeToValue(event, CreateChatCompletionStreamResponse.class);
                chunks++;
                for (ChatCompletionStreamChoice choice : last.getChoices()) {
                    text.append(choice.getDelta().getContent() == null ? "" : choice.getDelta().getContent());
                }
            }
        }
        return Map.of(
            "content", text, "chunks", chunks, "completion_tokens", last.getUsage().getCompletionTokens());
    }

    private Map<String, Object> streamAsGenerated() {
        try {
            chat.createChatCompletion(request(said("Say hello.")).stream(true), null);
        } catch (ApiException e) {
            return Map.of("failed", String.valueOf(e.getMessage()).lines().findFirst().orElse(""));
        }
        throw new AssertionError("it was read");
    }

    private CreateChatCompletionRequest request(List<ChatCompletionRequestMessage> messages) {
        return new CreateChatCompletionRequest().model(model).messages(messages).maxCompletionTokens(16);
    }

    private static List<ChatCompletionRequestMessage> said(String text) {
        return List.of(new ChatCompletionRequestMessage(new ChatCompletionRequestUserMessage()
            .role(ChatCompletionRequestUserMessage.RoleEnum.USER)
            .content(text)));
    }
}
