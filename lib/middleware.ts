/** The middleware chain of namespaces (`nsp.use`) and sockets (`socket.use`). */

/** A middleware: calls `next()` to go on, `next(err)` to refuse. */
export type Middleware<Subject, Err> = (subject: Subject, next: (err?: Err) => void) => void;

/**
 * Runs the middlewares one after the other, each started inside the `next()` of the one before.
 *
 * @param fns - a list that does not change any more
 * @param done - called with the first truthy error, or with `null` after the last middleware
 */
export function runMiddlewares<Subject, Err>(
  fns: readonly Middleware<Subject, Err>[],
  subject: Subject,
  done: (err: Err | null) => void,
): void {
  const run = (index: number) => {
    if (index === fns.length) return done(null);
    let called = false;
    fns[index](subject, (err) => {
      // A second next() would connect the socket, or dispatch the event, a second time.
      if (called) return;
      called = true;
      if (err) done(err);
      else run(index + 1);
    });
  };
  run(0);
}
