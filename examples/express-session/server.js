import { createServer } from "node:http";
import express from "express";
import session from "express-session";
import { Server } from "socket.io-native";

const app = express();
const httpServer = createServer(app);
const io = new Server(httpServer);

const sessions = session({
  secret: process.env.SESSION_SECRET ?? "change me",
  resave: false,
  saveUninitialized: false,
});

// the same middleware, so that pages and sockets see the same session
app.use(sessions);
io.engine.use(sessions);

app.use(express.static("public"));

app.post("/login", express.json(), (req, res, next) => {
  const { user } = req.body ?? {};
  if (typeof user !== "string" || user === "") return res.sendStatus(400);
  req.session.regenerate((error) => {
    if (error) return next(error);
    req.session.user = user;
    req.session.count = 0;
    res.sendStatus(204);
  });
});

app.post("/logout", (req, res, next) => {
  const { id } = req.session;
  req.session.destroy((error) => {
    if (error) return next(error);
    io.in(`session:${id}`).disconnectSockets();
    res.sendStatus(204);
  });
});

io.use((socket, next) => {
  next(socket.request.session.user ? undefined : new Error("not logged in"));
});

io.on("connection", (socket) => {
  const { request } = socket;
  socket.join(`session:${request.session.id}`);

  socket.emit("user", request.session.user);

  socket.on("count", () => {
    // other requests may have changed the session since the handshake
    request.session.reload((error) => {
      if (error) return socket.disconnect();
      request.session.count++;
      request.session.save();
      io.in(`session:${request.session.id}`).emit("count", request.session.count);
    });
  });
});

for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => io.close({ timeout: 1000 }));

httpServer.listen(process.env.PORT ?? 3000, () => {
  console.log(`Open http://localhost:${httpServer.address().port}`);
});
