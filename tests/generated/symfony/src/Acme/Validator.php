<?php

declare(strict_types=1);

namespace Acme;

use OpenAPI\Server\Service\SymfonyValidator;

/** The bundle's validator, without what it wants of each message and only the last of the six kinds of messages has. */
final class Validator extends SymfonyValidator
{
    public function validate($value, $constraints = null, $groups = null)
    {
        $violations = parent::validate($value, $constraints, $groups);
        foreach (iterator_to_array($violations) as $offset => $violation) {
            if (preg_match('/^messages\[\d+\]\.(role|content|name|toolCallId)$/', $violation->getPropertyPath())) {
                $violations->remove($offset);
            }
        }

        return $violations;
    }
}
