/** The time that the server keeps an idle connection, in ms: longer than a busy machine stops anybody. */
export const IDLE_MS = 60_000;
