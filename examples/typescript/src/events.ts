export interface Message {
  from: string;
  text: string;
}

export interface ServerToClientEvents {
  message: (message: Message) => void;
  /** Asks the client; it answers by the acknowledgement. */
  ask: (question: string, answer: (text: string) => void) => void;
}

export interface ClientToServerEvents {
  say: (text: string, done: (receivers: number) => void) => void;
}

/** The data that a client sends with its handshake. */
export interface Auth {
  name: string;
}
