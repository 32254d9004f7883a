/** The option `allowRequest`: the application's decision on a handshake. */
import { ErrorCode, type Refusal, refuse } from "../errors";
import type { ServerOptions } from "../options";
import type { EngineRequest } from "../session/request-snapshot";

/** The option, as far as it is used here. */
type Guarded = ServerOptions & Required<Pick<ServerOptions, "allowRequest">>;

/**
 * Asks `allowRequest`, and counts its first answer: `null` lets the request pass. To fail is to
 * refuse; what fails after the answer is the application's own.
 */
export function askApplication(
  options: Guarded,
  req: EngineRequest,
  done: (refusal: Refusal | null) => void,
): void {
  let answered = false;
  const answer = (refusal: Refusal | null) => {
    if (answered) return;
    answered = true;
    done(refusal);
  };
  const fail = (error: unknown) => {
    if (answered) throw error;
    answer(refuse(ErrorCode.FORBIDDEN, { error }));
  };
  let pending: any;
  try {
    pending = options.allowRequest(req, (message, success) => {
      answer(success ? null : refuse(ErrorCode.FORBIDDEN, { message }));
    });
  } catch (error) {
    return fail(error);
  }
  if (typeof pending?.then === "function") pending.then(undefined, fail);
}
