export { Adapter as InMemoryAdapter } from "socket.io-adapter";
