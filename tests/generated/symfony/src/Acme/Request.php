<?php

declare(strict_types=1);

namespace Acme;

use Symfony\Component\HttpFoundation\Request as SymfonyRequest;

/** The bundle is written for Symfony 6.4, which knows this method by another name than Debian's 5.4. */
final class Request extends SymfonyRequest
{
    public function getContentTypeFormat(): ?string
    {
        return $this->getContentType();
    }
}
