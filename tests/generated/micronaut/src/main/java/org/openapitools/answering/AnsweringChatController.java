package org.openapitools.answering;

import io.micronaut.context.annotation.Replaces;
import io.micronaut.core.annotation.Nullable;
import io.micronaut.http.annotation.Controller;
import java.util.Collections;
import javax.validation.Valid;
import org.openapitools.controller.ChatController;
import org.openapitools.model.ChatCompletionResponseMessage;
import org.openapitools.model.CreateChatCompletionRequest;
import org.openapitools.model.CreateChatCompletionResponse;
import org.openapitools.model.CreateChatCompletionResponseChoicesInner;
import reactor.core.publisher.Mono;

/**
 * Stands in for the generated controller and gives every request that reaches it the same answer. Its route, its checks
 * and its security are those of the generated method.
 */
@Controller
@Replaces(ChatController.class)
public class AnsweringChatController extends ChatController {
    @Override
    public Mono<CreateChatCompletionResponse> createChatCompletion(
        @Valid CreateChatCompletionRequest request, @Nullable String idempotencyKey) {
        ChatCompletionResponseMessage message = new ChatCompletionResponseMessage(
            "Hello.", null, ChatCompletionResponseMessage.RoleEnum.ASSISTANT);
        CreateChatCompletionResponseChoicesInner choice = new CreateChatCompletionResponseChoicesInner(
            CreateChatCompletionResponseChoicesInner.FinishReasonEnum.STOP, 0, message, null);
        return Mono.just(new CreateChatCompletionResponse(
            "chatcmpl-1", Collections.singletonList(choice), 1785542400, request.getModel(),
            CreateChatCompletionResponse.ObjectEnum.CHAT_COMPLETION));
    }
}
