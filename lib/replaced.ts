/**
 * Methods that applications replace, for measuring or tracing. What the server does in bulk passes
 * such a method by, and has to hear of the replacement to stop doing so.
 */

/**
 * Has `onreplaced` called when a method is assigned to, on its prototype or on one object. Who uses
 * the method in bulk compares it with the result: it may have been replaced by other means.
 *
 * @returns the method as it is now
 */
export function noteReplacement<Type extends object, Name extends keyof Type & string>(
  prototype: Type,
  name: Name,
  onreplaced: () => void,
): Type[Name] {
  const original = prototype[name];
  let shared = original;
  Object.defineProperty(prototype, name, {
    configurable: true,
    get: () => shared,
    set(this: object, value: Type[Name]) {
      onreplaced();
      if (this === prototype) {
        shared = value;
        return;
      }
      const own = { configurable: true, enumerable: true, writable: true, value };
      Object.defineProperty(this, name, own);
    },
  });
  return original;
}
