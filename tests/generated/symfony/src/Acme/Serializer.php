<?php

declare(strict_types=1);

namespace Acme;

use JMS\Serializer\GraphNavigatorInterface;
use JMS\Serializer\Handler\HandlerRegistry;
use JMS\Serializer\Naming\CamelCaseNamingStrategy;
use JMS\Serializer\Naming\SerializedNameAnnotationStrategy;
use JMS\Serializer\SerializerBuilder;
use OpenAPI\Server\Service\JmsSerializer;
use OpenAPI\Server\Service\StrictJsonDeserializationVisitorFactory;

/** The bundle's serializer, which also knows values of any type, and keeps the nulls of an answer that is an array. */
final class Serializer extends JmsSerializer
{
    public function __construct()
    {
        $this->serializer = SerializerBuilder::create()
            ->setDeserializationVisitor('json', new StrictJsonDeserializationVisitorFactory())
            ->setPropertyNamingStrategy(new SerializedNameAnnotationStrategy(new CamelCaseNamingStrategy()))
            ->configureHandlers(static fn (HandlerRegistry $handlers) => $handlers->registerHandler(
                GraphNavigatorInterface::DIRECTION_DESERIALIZATION,
                'AnyType',
                'json',
                static fn ($visitor, $data) => $data,
            ))
            ->build();
    }

    public function serialize($data, string $format): string
    {
        return is_array($data) ? json_encode($data, JSON_THROW_ON_ERROR) : parent::serialize($data, $format);
    }
}
