// Breaks of the protocols between threads, each of which a model has to find: `from`, which stands
// once in `file`, becomes `to`. `part` names the models that have to.

export const mutants = [
  {
    breaks: "the mark of those who stopped is set apart from the cost",
    part: "session",
    file: "src/net/gate.rs",
    from: "match (self.0).compare_exchange_weak(now, now | STOPPED, AcqRel, Acquire) {\n                Ok(_) => return true,\n                Err(changed) => now = changed,\n            }",
    to: "self.0.fetch_add(now & STOPPED ^ STOPPED, AcqRel);\n            now = self.0.load(Acquire);",
  },
  {
    breaks: "those who take look for the mark before they take",
    part: "session",
    file: "src/net/gate.rs",
    from: "let left = self.0.fetch_sub(cost, AcqRel) - cost;",
    to: "let left = self.0.load(Acquire) - cost;\n        self.0.fetch_sub(cost, AcqRel);",
  },
  {
    breaks: "a thread with nothing to tell takes the wake-up of the next",
    part: "queue",
    file: "src/bridge/event_queue.rs",
    from: "        self.state\n            .compare_exchange(WAITING, RUNG, Ordering::AcqRel, Ordering::Acquire)\n            .is_ok()\n",
    to: "        self.state.swap(RUNG, Ordering::AcqRel) == WAITING\n",
  },
  {
    breaks: "an environment rests without a look at what waits",
    part: "queue",
    file: "src/bridge/event_queue.rs",
    from: "        let batches = lock(&self.batches);\n        let more = !batches.is_empty();\n",
    to: "        let more = !lock(&self.batches).is_empty();\n        let batches = lock(&self.batches);\n",
  },
  {
    breaks: "a turn counts before the environment is quiet",
    part: "queue",
    file: "src/bridge/event_queue.rs",
    from: "        let batches = lock(&self.batches);\n        let more = !batches.is_empty();\n        if !more {\n            self.state.store(QUIET, Ordering::Release);\n        }\n        drop(batches);\n        // Behind it: a nudge of somebody who has seen this turn finds the environment quiet.\n        self.turns.fetch_add(1, Ordering::Release);\n",
    to: "        self.turns.fetch_add(1, Ordering::Release);\n        let batches = lock(&self.batches);\n        let more = !batches.is_empty();\n        if !more {\n            self.state.store(QUIET, Ordering::Release);\n        }\n        drop(batches);\n",
  },
  {
    breaks: "nobody is told to resume",
    part: "queue",
    file: "src/bridge/event_queue.rs",
    from: "if go_on {",
    to: "if go_on && cost > MAX_INBOX_COST {",
  },
  {
    breaks: "a waker is forgotten after the environment has finalized it",
    part: "queue",
    file: "src/bridge/event_queue.rs",
    from: "        self.waker.remove();\n",
    to: "",
  },
  {
    breaks: "the thread counts as notified until it has looked",
    part: "thread",
    file: "src/net/thread/mailbox.rs",
    from: "        self.notified.swap(false, Ordering::AcqRel);\n        let mut queue = lock(&self.queue);\n        self.looks_soon.store(!queue.is_empty(), Ordering::Relaxed);\n        std::mem::take(&mut *queue)\n",
    to: "        let mut queue = lock(&self.queue);\n        self.looks_soon.store(!queue.is_empty(), Ordering::Relaxed);\n        let commands = std::mem::take(&mut *queue);\n        drop(queue);\n        self.notified.swap(false, Ordering::AcqRel);\n        commands\n",
  },
  {
    breaks: "a lazy command looks whether it has to wake before it is in the queue",
    part: "thread",
    file: "src/net/thread/mailbox.rs",
    from: "    pub fn send_lazily(&self, command: Command) {\n",
    to: "    pub fn send_lazily(&self, command: Command) {\n        if self.looks_soon.load(Ordering::Relaxed) {\n            lock(&self.queue).push(command);\n            return self.commands_done.ask();\n        }\n",
  },
  {
    breaks: "those who wait for commands are told without the lock",
    part: "thread",
    file: "src/net/thread/command_counter.rs",
    from: "let _lock = lock(&self.lock);",
    to: "",
  },
  {
    breaks: "answers are asked for before the commands that make them",
    part: "thread",
    file: "src/net/thread/exit_flush.rs",
    from: "(threads.iter()).any(|thread| !thread.commands_done.is_complete())\n        || PendingAnswer::is_any()",
    to: "PendingAnswer::is_any()\n        || (threads.iter()).any(|thread| !thread.commands_done.is_complete())",
  },
  {
    breaks: "the end of a thread's part in the flush is not told",
    part: "thread",
    file: "src/net/thread/exit_flush.rs",
    from: "        self.changed.notify_all();\n",
    to: "",
  },
];
