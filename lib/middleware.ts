/** The middleware chain of namespaces (`nsp.use`) and sockets (`socket.use`). */

/**
 * A middleware: calls `next()` to go on, `next(err)` to refuse. One that returns a promise which rejects
 * before it has called `next()` refuses, too.
 */
export type Middleware<Subject, Err> = (subject: Subject, next: (err?: Err) => void) => unknown;

/** The message of a rejection without a reason. */
const REJECTED = "the middleware was rejected";

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === "function";
}

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
    const next = (err?: Err) => {
      // A second next() would connect the socket, or dispatch the event, a second time.
      if (called) return;
      called = true;
      if (err) done(err);
      else run(index + 1);
    };
    const returned = fns[index](subject, next);
    if (!isPromise(returned)) return;
    returned.then(undefined, (reason) => {
      // Nobody waits for the outcome any more: the process is told of an unhandled rejection.
      if (called) throw reason;
      next(reason || new Error(REJECTED));
    });
  };
  run(0);
}
