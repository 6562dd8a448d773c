<?php
/** What the annotations of a model say, and the walk through data and models: a stand-in, as `serializer.php` says. */

declare(strict_types=1);

namespace JMS\Serializer\Metadata {
    use JMS\Serializer\Naming\SerializedNameAnnotationStrategy;

    final class ClassMetadata
    {
        /** @param list<PropertyMetadata> $properties */
        public function __construct(public string $name, public array $properties)
        {
        }
    }

    final class PropertyMetadata
    {
        /** @param array{name: string, params: list<array>} $type */
        public function __construct(
            public string $class,
            public string $name,
            public string $serializedName,
            public array $type,
            public ?string $getter,
            public ?string $setter,
        ) {
        }

        public function set(object $of, mixed $value): void
        {
            if ($this->setter !== null) {
                $of->{$this->setter}($value);
            } else {
                (new \ReflectionProperty($of, $this->name))->setValue($of, $value);
            }
        }

        public function get(object $of): mixed
        {
            return $this->getter !== null
                ? $of->{$this->getter}()
                : (new \ReflectionProperty($of, $this->name))->getValue($of);
        }
    }

    final class Reader
    {
        /** @var array<string, ClassMetadata> */
        private array $read = [];

        public function __construct(private SerializedNameAnnotationStrategy $names)
        {
        }

        /** @throws \ReflectionException there is no such class */
        public function of(string $class): ClassMetadata
        {
            return $this->read[$class] ??= new ClassMetadata(
                $class,
                array_map($this->property(...), (new \ReflectionClass($class))->getProperties()),
            );
        }

        private function property(\ReflectionProperty $property): PropertyMetadata
        {
            $comment = (string) $property->getDocComment();
            preg_match('/@Type\("([^"]+)"\)/', $comment, $type);
            preg_match('/@Accessor\(getter="(\w+)", setter="(\w+)"\)/', $comment, $accessor);

            return new PropertyMetadata(
                $property->class,
                $property->name,
                $this->names->name($property->name, $comment),
                self::type($type[1]),
                $accessor[1] ?? null,
                $accessor[2] ?? null,
            );
        }

        /** @return array{name: string, params: list<array>} */
        private static function type(string $written): array
        {
            if (!preg_match('/^array<(?:string, )?(.+)>$/', $written, $found)) {
                return ['name' => $written, 'params' => []];
            }
            $keys = str_starts_with($written, 'array<string, ') ? [self::type('string')] : [];

            return ['name' => 'array', 'params' => [...$keys, self::type($found[1])]];
        }
    }
}

namespace JMS\Serializer {
    use JMS\Serializer\Exception\NotAcceptableException;
    use JMS\Serializer\Handler\HandlerRegistry;
    use JMS\Serializer\Metadata\Reader;
    use JMS\Serializer\Visitor\DeserializationVisitorInterface;

    interface GraphNavigatorInterface
    {
        public const DIRECTION_DESERIALIZATION = 2;

        public function accept($data, ?array $type = null);
    }

    final class GraphNavigator implements GraphNavigatorInterface
    {
        public function __construct(
            private Reader $reader,
            private HandlerRegistry $handlers,
            private ?DeserializationVisitorInterface $visitor = null,
        ) {
        }

        public function with(DeserializationVisitorInterface $visitor): self
        {
            return new self($this->reader, $this->handlers, $visitor);
        }

        public function accept($data, ?array $type = null)
        {
            return match ($type['name']) {
                'string' => $this->visitor->visitString($data, $type),
                'int', 'integer' => $this->visitor->visitInteger($data, $type),
                'bool', 'boolean' => $this->visitor->visitBoolean($data, $type),
                'float', 'double' => $this->visitor->visitDouble($data, $type),
                'array' => $this->visitor->visitArray($data, $type),
                default => ($handler = $this->handlers->getHandler($type['name'])) !== null
                    ? $handler($this->visitor, $data, $type)
                    : $this->model($data, $type),
            };
        }

        /** A model is made without its constructor, and the properties that the data has are set. */
        private function model(mixed $data, array $type): object
        {
            $metadata = $this->reader->of($type['name']);
            $model = (new \ReflectionClass($type['name']))->newInstanceWithoutConstructor();
            $this->visitor->startVisitingObject($metadata, $model, $type);
            foreach ($metadata->properties as $property) {
                try {
                    $property->set($model, $this->visitor->visitProperty($property, $data));
                } catch (NotAcceptableException) {
                }
            }

            return $this->visitor->endVisitingObject($metadata, $data, $type);
        }

        /** What is written: models as objects, and no property that is null. */
        public function plain(mixed $data): mixed
        {
            if (is_array($data)) {
                return array_map($this->plain(...), array_filter($data, static fn ($value) => $value !== null));
            }
            if (!is_object($data)) {
                return $data;
            }
            $written = [];
            foreach ($this->reader->of($data::class)->properties as $property) {
                $value = $this->plain($property->get($data));
                if ($value !== null) {
                    $written[$property->serializedName] = $value;
                }
            }

            return (object) $written;
        }
    }
}
