<?php
/** Loads every class of the generated bundle, and says how many there are. */

declare(strict_types=1);

require __DIR__ . '/autoload.php';

$bundle = realpath(__DIR__ . '/../php-symfony');
$loaded = 0;
foreach (['.', 'Api', 'Controller', 'DependencyInjection', 'DependencyInjection/Compiler', 'Model', 'Service'] as $part) {
    foreach (glob("$bundle/$part/*.php") as $file) {
        if (basename($file) === 'autoload.php') {
            continue;
        }
        $class = 'OpenAPI\\Server\\' . ($part === '.' ? '' : strtr($part, '/', '\\') . '\\') . basename($file, '.php');
        if (!class_exists($class) && !interface_exists($class) && !enum_exists($class)) {
            throw new RuntimeException("$file has no $class");
        }
        $loaded++;
    }
}
echo "$loaded loaded\n";
