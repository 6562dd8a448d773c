<?php
/** How JSON is read: a stand-in, as `serializer.php` says. */

declare(strict_types=1);

namespace JMS\Serializer\Visitor {
    use JMS\Serializer\GraphNavigatorInterface;
    use JMS\Serializer\Metadata\ClassMetadata;
    use JMS\Serializer\Metadata\PropertyMetadata;

    interface DeserializationVisitorInterface
    {
        public function visitNull($data, array $type);

        public function visitString($data, array $type): string;

        public function visitBoolean($data, array $type): bool;

        public function visitDouble($data, array $type): float;

        public function visitInteger($data, array $type): int;

        public function visitDiscriminatorMapProperty($data, ClassMetadata $metadata): string;

        public function visitArray($data, array $type): array;

        public function startVisitingObject(ClassMetadata $metadata, object $data, array $type): void;

        public function visitProperty(PropertyMetadata $metadata, $data);

        public function endVisitingObject(ClassMetadata $metadata, $data, array $type): object;

        public function getResult($data);

        public function prepare($data);

        public function setNavigator(GraphNavigatorInterface $navigator): void;
    }
}

namespace JMS\Serializer\Visitor\Factory {
    use JMS\Serializer\Visitor\DeserializationVisitorInterface;

    interface DeserializationVisitorFactory
    {
        public function getVisitor(): DeserializationVisitorInterface;
    }

    /** Named by the bundle; no request of ours is XML. */
    final class XmlDeserializationVisitorFactory
    {
    }
}

namespace JMS\Serializer {
    use JMS\Serializer\Exception\NotAcceptableException;
    use JMS\Serializer\Exception\RuntimeException;
    use JMS\Serializer\Metadata\ClassMetadata;
    use JMS\Serializer\Metadata\PropertyMetadata;
    use JMS\Serializer\Visitor\DeserializationVisitorInterface;

    /** Casts what the bundle's own, strict visitor lets through. */
    final class JsonDeserializationVisitor implements DeserializationVisitorInterface
    {
        private GraphNavigatorInterface $navigator;
        /** @var list<object> */
        private array $objects = [];

        public function __construct(private int $options = 0, private int $depth = 512)
        {
        }

        public function setNavigator(GraphNavigatorInterface $navigator): void
        {
            $this->navigator = $navigator;
        }

        public function prepare($data)
        {
            $decoded = json_decode($data, true, $this->depth, $this->options);
            if (json_last_error() !== JSON_ERROR_NONE) {
                throw new RuntimeException('Could not decode JSON: ' . json_last_error_msg());
            }

            return $decoded;
        }

        public function visitNull($data, array $type)
        {
            return null;
        }

        public function visitString($data, array $type): string
        {
            return (string) $data;
        }

        public function visitBoolean($data, array $type): bool
        {
            return (bool) $data;
        }

        public function visitInteger($data, array $type): int
        {
            return (int) $data;
        }

        public function visitDouble($data, array $type): float
        {
            return (float) $data;
        }

        /** No parameter: as it is. One: a list of that type. Two: a map. */
        public function visitArray($data, array $type): array
        {
            if (!is_array($data)) {
                throw new RuntimeException('Expected array, but got ' . gettype($data));
            }
            $of = $type['params'];
            $read = [];
            foreach ($data as $key => $value) {
                match (count($of)) {
                    0 => $read[$key] = $value,
                    1 => $read[] = $this->navigator->accept($value, $of[0]),
                    2 => $read[$key] = $this->navigator->accept($value, $of[1]),
                };
            }

            return $read;
        }

        public function visitDiscriminatorMapProperty($data, ClassMetadata $metadata): string
        {
            throw new RuntimeException('The bundle has no discriminators.');
        }

        public function startVisitingObject(ClassMetadata $metadata, object $data, array $type): void
        {
            $this->objects[] = $data;
        }

        public function visitProperty(PropertyMetadata $metadata, $data)
        {
            if ($data === null) {
                return null;
            }
            if (!is_array($data)) {
                throw new RuntimeException(sprintf('Invalid data %s, expected "%s".', gettype($data), $metadata->class));
            }
            if (!array_key_exists($metadata->serializedName, $data)) {
                throw new NotAcceptableException();
            }
            $value = $data[$metadata->serializedName];

            return $value === null ? null : $this->navigator->accept($value, $metadata->type);
        }

        public function endVisitingObject(ClassMetadata $metadata, $data, array $type): object
        {
            return array_pop($this->objects);
        }

        public function getResult($data)
        {
            return $data;
        }
    }
}
