package org.openapitools.answering;

import io.micronaut.context.annotation.Value;
import io.micronaut.http.HttpRequest;
import io.micronaut.security.authentication.Authentication;
import io.micronaut.security.filters.AuthenticationFetcher;
import jakarta.inject.Singleton;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Mono;

/** Knows a client by the one key of the environment; what a client may do stands in the generated controllers. */
@Singleton
public class KeyFetcher implements AuthenticationFetcher {
    private final String expected;

    public KeyFetcher(@Value("${api.key}") String key) {
        expected = "Bearer " + key;
    }

    @Override
    public Publisher<Authentication> fetchAuthentication(HttpRequest<?> request) {
        return request.getHeaders().getAuthorization().filter(expected::equals).isPresent()
            ? Mono.just(Authentication.build("client"))
            : Mono.empty();
    }
}
