<?php
/** The front controller: the kernel, and the request as the bundle wants it. */

declare(strict_types=1);

use Acme\Kernel;
use Acme\Request;

require __DIR__ . '/../autoload.php';

$kernel = new Kernel('prod', false);
$request = Request::createFromGlobals();
$response = $kernel->handle($request);
$response->send();
$kernel->terminate($request, $response);
