// Records in, one by one: what each is decoded to, and in which order they take effect.
import assert from "node:assert/strict";
import { beforeEach } from "node:test";
import {
  asked,
  contract,
  load,
  openAhead,
  push,
  pushText,
  ring,
  session,
  takeAsked,
  turn,
} from "../support/faked-binding.mjs";
import { beyond } from "../support/subject.mjs";

const { RecordCode: Code, Note, PacketKind: Kind, Reason } = contract;
const inbound = load("engine/native/inbound");
const outbound = load("engine/native/outbound");
const { TickQueue } = load("engine/native/tick-queue");
const streams = load("engine/native/stream-table");

beforeEach(async () => {
  inbound.drain();
  await turn();
  takeAsked();
});

/** The calls that one batch makes. */
function callsOf(items, values) {
  const { log } = session(items[1]);
  push(items, values);
  inbound.drain();
  return log.map(([, ...call]) => call);
}

for (const [name, items, values, call] of [
  ["an event", [Code.Event, 1, ["a", 1]], [], ["packet", Kind.Event, "/", undefined, ["a", 1]]],
  [
    "an event whose payload travels beside",
    [Code.Event, 1, 0],
    ['["long"]'],
    ["packet", Kind.Event, "/", undefined, ["long"]],
  ],
  [
    "an event whose long strings travel beside its payload",
    [Code.Event, 1, -1],
    ['[[1,3],["e",0,1,0]]', "x", "y"],
    ["packet", Kind.Event, "/", undefined, ["e", "x", 1, "y"]],
  ],
  [
    "an event to be acknowledged",
    [Code.EventWithAck, 1, 7, ["a"]],
    [],
    ["packet", Kind.Event, "/", 7, ["a"]],
  ],
  ["an acknowledgement", [Code.Ack, 1, 7, []], [], ["packet", Kind.Ack, "/", 7, []]],
  [
    "a packet of another namespace",
    [Code.Packet, 1, Kind.Connect, "/x", null, { t: 1 }, 0, 0],
    [],
    ["packet", Kind.Connect, "/x", undefined, { t: 1 }],
  ],
  [
    "a packet without a payload",
    [Code.Packet, 1, Kind.Disconnect, "/x", null, null, 0, 0],
    [],
    ["packet", Kind.Disconnect, "/x", undefined, undefined],
  ],
  [
    "an event with attachments",
    [Code.Packet, 1, Kind.BinaryEvent, "/", 3, ["a", { _placeholder: true, num: 0 }], 0, 1],
    [Buffer.from("b")],
    ["packet", Kind.Event, "/", 3, ["a", Buffer.from("b")]],
  ],
  [
    "an acknowledgement with attachments",
    [Code.Packet, 1, Kind.BinaryAck, "/", 3, [{ _placeholder: true, num: 0 }], 0, 1],
    [Buffer.from("b")],
    ["packet", Kind.Ack, "/", 3, [Buffer.from("b")]],
  ],
  [
    "a placeholder without an attachment",
    [Code.Packet, 1, Kind.BinaryEvent, "/", null, [{ _placeholder: true, num: 5 }], 0, 1],
    [Buffer.from("b")],
    ["refused", "illegal attachments"],
  ],
  ["an undecodable packet", [Code.Refused, 1, "why"], [], ["refused", "why"]],
  ["an end", [Code.Closed, 1, Reason.ParseError, null, 0], [], ["closed", Reason.ParseError, null]],
  ["an answer", [Code.Answer, 1, 0], ["body"], ["answer", "body"]],
  ["an Engine.IO packet", [Code.EnginePacket, 1, 4, 0], ["hi"], ["raw", 4, "hi"]],
  ["a frame for a probe", [Code.Frame, 1, 1, 0], ["3probe"], ["frame", true, "3probe"]],
  ["a note", [Code.Note, 1, Note.Drained], [], ["note", Note.Drained]],
]) {
  beyond(`decodes ${name}`, () => assert.deepEqual(callsOf(items, values), [call]));
}

beyond("hands the records of streams to them, and of servers to the callback", () => {
  const log = [];
  const note =
    (name) =>
    (...args) =>
      log.push([name, ...args]);
  const stream = contract.FIRST_STREAM + 1;
  streams.registerStream(stream, { write: note("write"), taken: note("taken"), end: note("end") });
  streams.setAdoptedEnd(note("adopted"));
  push([Code.StreamWrite, stream, 0, Code.StreamTaken, stream], [Buffer.from("b")]);
  push([Code.StreamEnd, stream, 1, 10, 20, Code.StreamTaken, stream, Code.StreamEnd, 3, 0, 0, 0]);
  inbound.drain();
  assert.deepEqual(log, [
    ["write", Buffer.from("b")],
    ["taken"],
    ["end", true, 10, 20],
    ["adopted", 3],
  ]);
  assert.deepEqual(asked, [["release"], ["release"]]);
});

beyond("hands the records of a listener to it", () => {
  const log = [];
  const note =
    (name) =>
    (...args) =>
      log.push([name, ...args]);
  const events = { opened: note("opened"), handover: note("handover"), drained: note("drained") };
  streams.registerListener(2, events);
  const opened = [Code.Opened, 2, 9, 1, "sid", "::1", "shared", "own"];
  push([...opened, Code.Handover, 2, 33, 0, 9, Code.ListenerDrained, 2], [Buffer.from("b")]);
  inbound.drain();
  assert.deepEqual(log, [
    ["opened", 9, true, "sid", "::1", "shared", "own"],
    ["handover", 33, Buffer.from("b")],
    ["drained"],
  ]);
  assert.deepEqual(asked, [["takenOver", 9]]);
});

beyond(
  "drops records of sessions that are unknown, and those of an earlier one in the slot",
  () => {
    const { log } = session(1);
    push([
      Code.Event,
      1 + contract.SLOT_MASK + 1,
      ["a"],
      Code.Event,
      5,
      ["b"],
      Code.Event,
      1,
      ["c"],
    ]);
    inbound.drain();
    assert.deepEqual(log, [[1, "packet", Kind.Event, "/", undefined, ["c"]]]);
  },
);

beyond("the end of a session frees its handle behind what was sent to it", async () => {
  const { recipient } = session(1);
  const { recipient: next } = session(2);
  takeAsked();
  recipient._onclosed = () => outbound.sendText(1, 0, "late");
  push([Code.Closed, 1, 0, null, 1, Code.Closed, 2, 0, null, 1]);
  next._onclosed = () => {
    throw new Error("of a listener");
  };
  assert.throws(() => inbound.drain(), /of a listener/);
  await turn();
  assert.deepEqual(
    takeAsked().map(([name, handle]) => [name, handle]),
    [
      ["sendText", 1],
      ["releaseHandle", 1],
      ["releaseHandle", 2],
      ["flush", undefined],
    ],
  );
  // No handle that a session may have: what is asked of the objects later reaches no stranger.
  assert.deepEqual([recipient._handle, next._handle], [-1, -1]);
});

beyond("an unknown record throws and costs its batch only", async () => {
  const { log } = session(1);
  push([99, 1, 2, Code.Refused, 1, "lost"]);
  push([Code.Refused, 1, "heard"]);
  assert.throws(() => inbound.drain(), /unknown record 99/);
  await turn();
  assert.deepEqual(log, [[1, "refused", "heard"]]);
});

beyond("a batch that is no JSON throws and costs itself only", async () => {
  const { log } = session(1);
  pushText("[4,1,");
  push([Code.Refused, 1, "heard"]);
  assert.throws(() => inbound.drain(), SyntaxError);
  await turn();
  assert.deepEqual(log, [[1, "refused", "heard"]]);
});

beyond("a listener that throws costs no other record", async () => {
  const { log, recipient } = session(1);
  recipient._onrefused = (why) => {
    log.push(why);
    if (why === "first") throw new Error("of a listener");
  };
  push([Code.Refused, 1, "first", Code.Refused, 1, "second"]);
  push([Code.Refused, 1, "third"]);
  assert.throws(() => inbound.drain(), /of a listener/);
  await turn();
  assert.deepEqual(log, ["first", "second", "third"]);
});

/** Sessions whose events are heard two ticks later, and all else a tick later, as in lib/client.ts. */
function scene() {
  const log = [];
  const listeners = new TickQueue((name, what) => {
    log.push(`${name} ${what}`);
    Promise.resolve().then(() => log.push(`${name} promise`));
  });
  const packets = new TickQueue((name, [kind, what]) => {
    if (kind === Kind.Event) listeners.push(name, what);
    else log.push(`${name} kind ${kind}`);
  });
  for (const [name, handle] of Object.entries({ A: 1, B: 2 })) {
    const { recipient } = session(handle);
    recipient._onpacket = (kind, _nsp, _id, data) => {
      if (kind === Kind.Connect) log.push(`${name} kind ${kind}`);
      else packets.push(name, [kind, data?.[0]]);
    };
    recipient._onclosed = () => log.push(`${name} closed`);
  }
  return log;
}

const event = (handle, what = "said") => [Code.Event, handle, [what]];
const packet = (handle, kind) => [Code.Packet, handle, kind, "/", null, null, 0, 0];
const closed = (handle, told = 0) => [Code.Closed, handle, Reason.TransportClose, null, told];
const request = (handle) => [Code.Note, handle, Note.Request];

/** Has the engine wake the thread for a batch, and waits until all is heard. */
async function wakeFor(...records) {
  push(records.flat());
  ring();
  for (let i = 0; i < 10; i++) await turn();
}

beyond("the end of a session comes behind what was said before", async () => {
  const log = scene();
  await wakeFor(event(1), closed(1), closed(2));
  assert.deepEqual(log, ["A said", "A promise", "A closed", "B closed"]);
});

beyond("the end of a session that its client has told comes at once", async () => {
  const log = scene();
  await wakeFor(event(1), closed(1, 1));
  assert.deepEqual(log, ["A closed", "A said", "A promise"]);
});

beyond("a client that leaves a namespace does not overtake events of others", async () => {
  const log = scene();
  await wakeFor(event(1), packet(2, Kind.Disconnect));
  assert.deepEqual(log, ["A said", "A promise", "B kind 1"]);
});

beyond("a client that returns to a namespace has left it before", async () => {
  const log = scene();
  await wakeFor(packet(1, Kind.Disconnect), packet(1, Kind.Connect));
  assert.deepEqual(log, ["A kind 1", "A kind 0"]);
});

beyond("the requests of a session are heard one by one, those of several together", async () => {
  const log = scene();
  await wakeFor(request(1), event(1, "1"), request(2), event(2, "2"), request(1), event(1, "3"));
  assert.deepEqual(log, ["A 1", "B 2", "A promise", "B promise", "A 3", "A promise"]);
});

beyond("a place is taken when all records before it are heard", async () => {
  const log = scene();
  push(event(1));
  inbound.inOrder(1, () => log.push("request"));
  push(event(1, "later"));
  ring();
  for (let i = 0; i < 10; i++) await turn();
  assert.deepEqual(
    log.filter((line) => line !== "A promise"),
    ["A said", "request", "A later"],
  );
});

beyond("with nothing before it, a request has no need of a place", () => {
  let called = false;
  inbound.inOrder(inbound.ANYBODY, () => {
    called = true;
  });
  assert.ok(called);
});

beyond("a request of a connection that is handed over is served in its place", () => {
  const log = [];
  const handover = () => inbound.inOrder(1, () => log.push("request"));
  streams.registerListener(3, { handover });
  session(1, log);
  push([Code.Handover, 3, 33, 0, 1, Code.Refused, 1, "later"], [Buffer.alloc(0)]);
  inbound.drain();
  assert.deepEqual(log, ["request", [1, "refused", "later"]]);
});

beyond("looking ahead tells of opened sessions once and dispatches nothing", () => {
  const log = [];
  const openedAhead = (handle, ...rest) => log.push(["ahead", handle, ...rest]);
  const opened = (handle) => log.push(["opened", handle]);
  streams.registerListener(4, { opened, openedAhead });
  const record = [Code.Opened, 4, 9, 0, "sid", "::1", "shared", "own"];
  openAhead(record);
  push([...record, Code.Refused, 1, "later"]);
  inbound.lookAhead();
  inbound.lookAhead();
  assert.deepEqual(log, [["ahead", 9, false, "sid", "::1", "shared", "own"]]);
  inbound.drain();
  assert.deepEqual(log.at(-1), ["opened", 9]);
});

beyond("looking ahead from a listener finds the rest of the batch in work", () => {
  const log = [];
  const openedAhead = (handle) => log.push(["ahead", handle]);
  streams.registerListener(5, { opened: () => {}, openedAhead });
  const { recipient } = session(1);
  recipient._onrefused = () => inbound.lookAhead();
  push([Code.Refused, 1, "", Code.Opened, 5, 8, 0, "sid", "::1", "", ""]);
  inbound.drain();
  assert.deepEqual(log, [["ahead", 8]]);
});

beyond("writes for streams are taken from among the records, which stay in order", async () => {
  const { log } = session(1);
  const write = (n) => [Code.StreamWrite, contract.FIRST_STREAM, n];
  const bytes = [Buffer.from("a"), Buffer.from("b")];
  const handover = [Code.Handover, 6, 33, 0, -1];
  streams.registerListener(6, { handover: () => log.push("handover") });
  push([...handover, Code.Refused, 1, "1", ...write(0), Code.Refused, 1, "2"], bytes);
  push([...write(1)], bytes);
  const taken = inbound.takeStreamWrites();
  assert.deepEqual(
    taken,
    bytes.map((data) => [contract.FIRST_STREAM, data]),
  );
  assert.deepEqual(log, []);
  await turn();
  assert.deepEqual(log, ["handover", [1, "refused", "1"], [1, "refused", "2"]]);
});
