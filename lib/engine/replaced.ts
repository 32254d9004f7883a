/**
 * Methods that applications replace, for measuring or tracing. What the server does in bulk passes
 * such a method by, and has to hear of the replacement to stop doing so.
 */

/**
 * Has `onreplaced` called when a method is assigned to, on its prototype or on one object. Who uses
 * the method in bulk compares it with the result: it may have been replaced by other means.
 *
 * @param onreplaced - is given the prototype or the object, before it has the new method
 * @returns the method as it is now
 */
export function noteReplacement<Type extends object, Name extends keyof Type & string>(
  prototype: Type,
  name: Name,
  onreplaced: (on: Type) => void,
): Type[Name] {
  const original = prototype[name];
  let shared = original;
  Object.defineProperty(prototype, name, {
    configurable: true,
    get: () => shared,
    set(this: Type, value: Type[Name]) {
      onreplaced(this);
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
