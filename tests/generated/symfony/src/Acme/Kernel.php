<?php

declare(strict_types=1);

namespace Acme;

use Symfony\Bundle\FrameworkBundle\FrameworkBundle;
use Symfony\Bundle\FrameworkBundle\Kernel\MicroKernelTrait;
use Symfony\Component\Config\Loader\LoaderInterface;
use Symfony\Component\DependencyInjection\ContainerBuilder;
use Symfony\Component\HttpKernel\Kernel as SymfonyKernel;
use Symfony\Component\Routing\Loader\Configurator\RoutingConfigurator;

/** A Symfony application with the generated bundle in it; `config` is what the bundle's README says. */
final class Kernel extends SymfonyKernel
{
    use MicroKernelTrait;

    public function registerBundles(): iterable
    {
        yield new FrameworkBundle();
        foreach (array_keys(require $this->getProjectDir() . '/config/bundles.php') as $bundle) {
            yield new $bundle();
        }
    }

    public function getProjectDir(): string
    {
        return dirname(__DIR__, 2);
    }

    private function configureContainer(ContainerBuilder $container, LoaderInterface $loader): void
    {
        $container->loadFromExtension('framework', [
            'secret' => 'not used',
            'http_method_override' => false,
            'validation' => ['enable_annotations' => true],
        ]);
        $loader->load($this->getProjectDir() . '/config/services.yaml');
        $loader->load($this->getProjectDir() . '/config/project.yaml');
    }

    private function configureRoutes(RoutingConfigurator $routes): void
    {
        $routes->import($this->getProjectDir() . '/config/routes.yaml')->prefix('/v1');
    }
}
