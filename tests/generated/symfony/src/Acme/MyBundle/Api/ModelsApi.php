<?php

declare(strict_types=1);

namespace Acme\MyBundle\Api;

use OpenAPI\Server\Api\ModelsApiInterface;
use OpenAPI\Server\Model\ListModelsResponse;
use OpenAPI\Server\Model\Model;

/** Has every model that is asked for. */
final class ModelsApi implements ModelsApiInterface
{
    public function setApiKeyAuth(?string $value): void
    {
    }

    public function listModels(int &$responseCode, array &$responseHeaders): array|object|null
    {
        return new ListModelsResponse(['object' => 'list', 'data' => [$this->model('parley-tiny')]]);
    }

    public function retrieveModel(string $model, int &$responseCode, array &$responseHeaders): array|object|null
    {
        return $this->model($model);
    }

    private function model(string $id): Model
    {
        return new Model(['id' => $id, 'object' => 'model', 'created' => 0, 'ownedBy' => 'acme']);
    }
}
