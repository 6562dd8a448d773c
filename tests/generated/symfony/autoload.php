<?php
/** The classes of Debian's Symfony, of the stand-in for jms/serializer, of the generated bundle and of this project. */

declare(strict_types=1);

require '/usr/share/php/Symfony/Bundle/FrameworkBundle/autoload.php';
require '/usr/share/php/Symfony/Component/Validator/autoload.php';
require '/usr/share/php/Symfony/Component/Yaml/autoload.php';
require __DIR__ . '/jms/serializer.php';
require __DIR__ . '/jms/visitor.php';
require __DIR__ . '/jms/navigator.php';
require __DIR__ . '/../php-symfony/autoload.php';

spl_autoload_register(static function (string $class): void {
    $file = __DIR__ . '/src/' . str_replace('\\', '/', $class) . '.php';
    if (str_starts_with($class, 'Acme\\') && is_file($file)) {
        require $file;
    }
});
