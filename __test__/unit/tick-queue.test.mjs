// Calls that are made together in a later tick, in the order of ticks of their own.
import assert from "node:assert/strict";
import { load } from "../support/faked-binding.mjs";
import { beyond } from "../support/subject.mjs";

const { TickQueue, isDispatching } = load("engine/native/tick-queue");
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A queue that keeps a list of its calls. */
function logging() {
  const log = [];
  return { log, queue: new TickQueue((target, value) => log.push(`${target} ${value}`)) };
}

beyond("calls are made in a later tick, in order", async () => {
  const { log, queue } = logging();
  queue.push("a", 1);
  queue.push("b", 2);
  assert.deepEqual(log, []);
  assert.ok(isDispatching());
  await turn();
  assert.deepEqual(log, ["a 1", "b 2"]);
  assert.ok(!isDispatching());
});

beyond("all calls of a stage come before those of the stage that it feeds", async () => {
  const log = [];
  const second = new TickQueue((_, value) => log.push(`second ${value}`));
  const first = new TickQueue((_, value) => {
    log.push(`first ${value}`);
    second.push(null, value);
  });
  first.push(null, 1);
  first.push(null, 2);
  await turn();
  assert.deepEqual(log, ["first 1", "first 2", "second 1", "second 2"]);
});

beyond("a boundary leaves room for the ticks of the application", async () => {
  const { log, queue } = logging();
  queue.push("a", 1);
  process.nextTick(() => log.push("own tick"));
  queue.push("a", 2);
  queue.boundary();
  queue.push("a", 3);
  await turn();
  assert.deepEqual(log, ["a 1", "a 2", "own tick", "a 3"]);
});

beyond("a call that is pushed by a call waits for a tick of its own", async () => {
  const log = [];
  const queue = new TickQueue((_, value) => {
    log.push(value);
    if (value !== 1) return;
    queue.push(null, 3);
    process.nextTick(() => log.push("tick"));
  });
  queue.push(null, 1);
  queue.push(null, 2);
  await turn();
  assert.deepEqual(log, [1, 2, 3, "tick"]);
});

beyond("an exception leaves its tick, and the calls behind it are made in the next one", () => {
  const log = [];
  const queue = new TickQueue((_, value) => {
    log.push(value);
    if (value === 2) throw new Error("of a listener");
  });
  // An exception in a real tick would be one of the test.
  const ticks = [];
  const scheduling = load("engine/scheduling");
  const { nextTick } = scheduling;
  scheduling.nextTick = (tick) => ticks.push(tick);
  try {
    for (const value of [1, 2, 3]) queue.push(null, value);
    assert.equal(ticks.length, 1);
    assert.throws(ticks.shift(), /of a listener/);
    assert.deepEqual(log, [1, 2]);
    assert.ok(isDispatching());
    assert.equal(ticks.length, 1);
    ticks.shift()();
  } finally {
    scheduling.nextTick = nextTick;
  }
  assert.deepEqual(log, [1, 2, 3]);
  assert.ok(!isDispatching());
});

beyond("thousands of batches keep their order", async () => {
  const { log, queue } = logging();
  for (let i = 0; i < 5000; i++) {
    queue.push("a", i);
    queue.boundary();
  }
  await turn();
  assert.deepEqual(
    log,
    Array.from({ length: 5000 }, (_, i) => `a ${i}`),
  );
});
