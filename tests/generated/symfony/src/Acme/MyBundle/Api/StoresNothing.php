<?php

declare(strict_types=1);

namespace Acme\MyBundle\Api;

use OpenAPI\Server\Model\UpdateChatCompletionRequest;

/** The operations on stored completions, for a server that stores none. */
trait StoresNothing
{
    public function listChatCompletions(
        ?string $after,
        int $limit,
        string $order,
        ?string $model,
        ?array $metadata,
        int &$responseCode,
        array &$responseHeaders
    ): array|object|null {
        return self::nothing($responseCode);
    }

    public function getChatCompletion(
        string $completionId,
        int &$responseCode,
        array &$responseHeaders
    ): array|object|null {
        return self::nothing($responseCode);
    }

    public function updateChatCompletion(
        string $completionId,
        UpdateChatCompletionRequest $updateChatCompletionRequest,
        int &$responseCode,
        array &$responseHeaders
    ): array|object|null {
        return self::nothing($responseCode);
    }

    public function deleteChatCompletion(
        string $completionId,
        int &$responseCode,
        array &$responseHeaders
    ): array|object|null {
        return self::nothing($responseCode);
    }

    public function getChatCompletionMessages(
        string $completionId,
        ?string $after,
        int $limit,
        string $order,
        int &$responseCode,
        array &$responseHeaders
    ): array|object|null {
        return self::nothing($responseCode);
    }

    private static function nothing(int &$responseCode): array
    {
        $responseCode = 501;

        return self::error('server_error', 'Nothing is stored here.', null, 'not_implemented');
    }
}
