package org.openapitools.answering;

import io.micronaut.core.annotation.Introspected;
import java.util.ArrayList;
import java.util.LinkedHashMap;

/**
 * What may be in a property that was generated as an object of any kind. Micronaut checks such a property, and fails at
 * a class that it has not looked at beforehand.
 */
@Introspected(classes = {String.class, ArrayList.class, LinkedHashMap.class})
class Introspections {
}
