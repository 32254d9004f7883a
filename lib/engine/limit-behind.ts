/** The limit behind an error that a session ends with, for those who read `description`. */
import { TOO_DEEP } from "./depth";
import type { NativeServerOptions } from "./native-options";

/** An engine with its limits; another engine may have neither. */
interface Limited {
  readonly opts?: Record<string, any>;
  readonly _limits?: Required<NativeServerOptions>;
}

type Read = (native: Partial<NativeServerOptions>, opts: Record<string, any>) => string;

const messageBytes: Read = (_, opts) => `maxHttpBufferSize is ${opts.maxHttpBufferSize} bytes`;

/** The texts by the message of the error. */
const LIMITS: Record<string, Read> = {
  "payload too large": messageBytes,
  "RangeError: Max payload size exceeded": messageBytes,
  "too many chunks": (_, opts) => `maxBufferedChunks is ${opts.maxBufferedChunks}`,
  "http request timeout": (_, opts) =>
    `httpRequestBodyTimeout is ${opts.httpRequestBodyTimeout} ms`,
  "too many bytes are waiting for the client": (native) =>
    `native.maxBufferedBytes is ${native.maxBufferedBytes}`,
  "too many bytes are waiting for all clients": (native) =>
    `native.maxBufferedBytesOfAll is ${native.maxBufferedBytesOfAll}`,
  "too many bytes of request bodies are waiting": (native) =>
    `native.maxBodyBytesOfAll is ${native.maxBodyBytesOfAll}`,
  "too many bytes of attachments are waiting": (native) =>
    `native.maxAttachmentBytesOfAll is ${native.maxAttachmentBytesOfAll}`,
  "too many attachments": (native) => `native.maxAttachments is ${native.maxAttachments}`,
  "too many attachment bytes": (native, opts) =>
    `maxHttpBufferSize is ${opts.maxHttpBufferSize} bytes, native.maxAttachments is ${native.maxAttachments}`,
  "too many bytes for a namespace that is being joined": (native) =>
    `native.maxPendingBytes is ${native.maxPendingBytes}`,
  [TOO_DEEP]: (native) => `native.maxDepth is ${native.maxDepth}`,
};

/** The limit that an error of this message comes from, with its figure; undefined if it is none. */
export function limitBehind(message: string, engine: Limited | undefined): string | undefined {
  if (!Object.hasOwn(LIMITS, message)) return undefined;
  return LIMITS[message](engine?._limits ?? {}, engine?.opts ?? {});
}
