import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.openapitools.client.ApiClient;
import org.openapitools.client.api.ChatApi;
import org.openapitools.client.api.ModelsApi;
import org.openapitools.client.model.*;
import org.springframework.http.HttpMethod;
import org.springframework.http.MediaType;
import org.springframework.http.client.SimpleClientHttpRequestFactory;
import org.springframework.http.converter.json.Jackson2ObjectMapperBuilder;
import org.springframework.web.client.RestClientException;
import org.springframework.web.client.RestClientResponseException;
import org.springframework.web.client.RestTemplate;

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
    private final ObjectMapper mapper = Jackson2ObjectMapperBuilder.json().build();
    private final ApiClient client;
    private final ChatApi chat;

    Conversations(String base, String key, String model) {
        this.base = base;
        this.key = key;
        this.model = model;
        // Left to itself Java's own client throws the body of a 401 away.
        SimpleClientHttpRequestFactory connections = new SimpleClientHttpRequestFactory();
        connections.setOutputStreaming(false);
        client = new ApiClient(new RestTemplate(connections));
        client.setBasePath(base);
        client.setBearerToken(key);
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

    private Map<String, Object> plain() {
        CreateChatCompletionResponse answer = chat.createChatCompletion(request(said("Say hello.")), null);
        CreateChatCompletionResponseChoicesInner choice = answer.getChoices().get(0);
        return Map.of(
            "content", choice.getMessage().getContent(),
            "finish_reason", choice.getFinishReason().getValue(),
            "completion_tokens", answer.getUsage().getCompletionTokens());
    }

    private Map<String, Object> models() {
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
            .tools(List.of(tool))
            .toolChoice(choice);
        ChatCompletionResponseMessage message = chat.createChatCompletion(request, null).getChoices().get(0).getMessage();
        ChatCompletionMessageToolCall call = (ChatCompletionMessageToolCall) message.getToolCalls().get(0);

        messages.add(new ChatCompletionRequestAssistantMessage()
            .role(ChatCompletionRequestAssistantMessage.RoleEnum.ASSISTANT)
            .toolCalls(message.getToolCalls()));
        messages.add(new ChatCompletionRequestToolMessage()
            .role(ChatCompletionRequestToolMessage.RoleEnum.TOOL)
            .toolCallId(call.getId())
            .content("Sunny."));
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
            .responseFormat(format);
        CreateChatCompletionResponse answer = chat.createChatCompletion(request, null);
        return Map.of("content", mapper.readTree(answer.getChoices().get(0).getMessage().getContent()));
    }

    private Map<String, Object> choices() {
        CreateChatCompletionResponse answer = chat.createChatCompletion(request(said("Say hello.")).n(2), null);
        return Map.of("indexes", answer.getChoices().stream()
            .map(CreateChatCompletionResponseChoicesInner::getIndex).sorted().collect(Collectors.toList()));
    }

    private Map<String, Object> logprobs() {
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
        } catch (RestClientResponseException e) {
            ErrorResponse body = mapper.readValue(e.getResponseBodyAsString(), ErrorResponse.class);
            return Map.of(
                "status", e.getRawStatusCode(),
                "param", String.valueOf(body.getError().getParam()),
                "code", String.valueOf(body.getError().getCode()));
        }
        throw new AssertionError("it was taken");
    }

    /** The generated method reads one whole answer, so a stream is asked for with Spring's own client. */
    private Map<String, Object> stream() {
        CreateChatCompletionRequest request = request(said("Say hello."))
            .stream(true)
            .streamOptions(new ChatCompletionStreamOptions().includeUsage(true));
        List<CreateChatCompletionStreamResponse> chunks = new RestTemplate().execute(
            base + "/chat/completions",
            HttpMethod.POST,
            asked -> {
                asked.getHeaders().setBearerAuth(key);
                asked.getHeaders().setContentType(MediaType.APPLICATION_JSON);
                mapper.writeValue(asked.getBody(), request);
            },
            answer -> read(answer.getBody()));
        String text = chunks.stream().flatMap(chunk -> chunk.getChoices().stream())
            .map(choice -> choice.getDelta().getContent()).filter(Objects::nonNull).collect(Collectors.joining());
        return Map.of(
            "content", text,
            "chunks", chunks.size(),
            "completion_tokens", chunks.get(chunks.size() - 1).getUsage().getCompletionTokens());
    }

    private List<CreateChatCompletionStreamResponse> read(InputStream body) throws IOException {
        List<CreateChatCompletionStreamResponse> chunks = new ArrayList<>();
        BufferedReader lines = new BufferedReader(new InputStreamReader(body, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null && !line.equals("data: [DONE]"); line = lines.readLine()) {
            if (line.startsWith("data: ")) {
                JsonNode event = mapper.readTree(line.substring(6));
                if (event.has("error")) {
                    throw new IllegalStateException(mapper.treeToValue(event, ErrorResponse.class).toString());
                }
                chunks.add(mapper.treeToValue(event, CreateChatCompletionStreamResponse.class));
            }
        }
        return chunks;
    }

    private Map<String, Object> streamAsGenerated() {
        try {
            chat.createChatCompletion(request(said("Say hello.")).stream(true), null);
        } catch (RestClientException e) {
            return Map.of("failed", String.valueOf(e.getMessage()).lines().findFirst().orElse(""));
        }
        throw new AssertionError("it was read");
    }

    private CreateChatCompletionRequest request(List<ChatCompletionRequestMessage> messages) {
        return new CreateChatCompletionRequest().model(model).messages(messages).maxCompletionTokens(16);
    }

    private static List<ChatCompletionRequestMessage> said(String text) {
        return List.of(new ChatCompletionRequestUserMessage()
            .role(ChatCompletionRequestUserMessage.RoleEnum.USER)
            .content(text));
    }
}
