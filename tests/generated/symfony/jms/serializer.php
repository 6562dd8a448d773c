<?php
/**
 * A stand-in for what the generated bundle uses of jms/serializer, which Debian does not package: the names that the
 * bundle knows, and what jms/serializer 3 does behind them with JSON. Other annotations, events,
 * groups, contexts and XML are not here.
 */

declare(strict_types=1);

namespace JMS\Serializer {
    use JMS\Serializer\Naming\CamelCaseNamingStrategy;
    use JMS\Serializer\Naming\SerializedNameAnnotationStrategy;
    use JMS\Serializer\Visitor\Factory\DeserializationVisitorFactory;
    use JMS\Serializer\Visitor\Factory\XmlDeserializationVisitorFactory;

    final class SerializerBuilder
    {
        /** @var array<string, DeserializationVisitorFactory> */
        private array $factories = [];
        private SerializedNameAnnotationStrategy $names;
        private Handler\HandlerRegistry $handlers;

        public static function create(): self
        {
            return new self();
        }

        private function __construct()
        {
            $this->names = new SerializedNameAnnotationStrategy(new CamelCaseNamingStrategy());
            $this->handlers = new Handler\HandlerRegistry();
        }

        public function setDeserializationVisitor(
            string $format,
            DeserializationVisitorFactory|XmlDeserializationVisitorFactory $factory
        ): self {
            if ($factory instanceof DeserializationVisitorFactory) {
                $this->factories[$format] = $factory;
            }

            return $this;
        }

        public function setPropertyNamingStrategy(SerializedNameAnnotationStrategy $names): self
        {
            $this->names = $names;

            return $this;
        }

        public function configureHandlers(callable $configure): self
        {
            $configure($this->handlers);

            return $this;
        }

        public function build(): Serializer
        {
            return new Serializer($this->factories, new GraphNavigator(new Metadata\Reader($this->names), $this->handlers));
        }
    }

    final class Serializer
    {
        /** @param array<string, DeserializationVisitorFactory> $factories */
        public function __construct(private array $factories, private GraphNavigator $navigator)
        {
        }

        public function deserialize(string $data, string $type, string $format): mixed
        {
            $visitor = $this->factories[$format]->getVisitor();
            $navigator = $this->navigator->with($visitor);
            $visitor->setNavigator($navigator);

            return $navigator->accept($visitor->prepare($data), ['name' => $type, 'params' => []]);
        }

        public function serialize(mixed $data, string $format): string
        {
            return json_encode($this->navigator->plain($data), JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION);
        }
    }

    final class DeserializationContext
    {
        /** @return list<string> */
        public function getCurrentPath(): array
        {
            return [];
        }
    }
}

namespace JMS\Serializer\Exception {
    class RuntimeException extends \RuntimeException
    {
    }

    /** A property that the data does not have keeps the value that it has. */
    class NotAcceptableException extends \RuntimeException
    {
    }
}

namespace JMS\Serializer\Handler {
    /** Types that are no classes, and what reads them from JSON. */
    final class HandlerRegistry
    {
        /** @var array<string, callable> */
        private array $handlers = [];

        public function registerHandler(int $direction, string $type, string $format, callable $handler): void
        {
            $this->handlers[$type] = $handler;
        }

        public function getHandler(string $type): ?callable
        {
            return $this->handlers[$type] ?? null;
        }
    }
}

namespace JMS\Serializer\Naming {
    /** The name of a property that has none of its own: snake_case. */
    final class CamelCaseNamingStrategy
    {
        public function name(string $property): string
        {
            return strtolower((string) preg_replace('/[A-Z]/', '_$0', $property));
        }
    }

    /** The name that `@SerializedName` gives. */
    final class SerializedNameAnnotationStrategy
    {
        public function __construct(private CamelCaseNamingStrategy $otherwise)
        {
        }

        public function name(string $property, string $comment): string
        {
            return preg_match('/@SerializedName\("([^"]+)"\)/', $comment, $found)
                ? $found[1]
                : $this->otherwise->name($property);
        }
    }
}
