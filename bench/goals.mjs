// Holds the figures of a run against the goals of its scenarios.

/** How much better a peer may be before a row counts as its own: the noise of a median. */
const EVEN = 1.02;

/** One bound: its label, the value, the bound as text, and whether the value is within it. */
function bounded(summary, { figure, atLeast, atMost, label }) {
  const value = summary[figure];
  const bound = atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`;
  // Nothing costs nothing: a zero means that the figure was too small for the clock.
  if (!(value > 0)) return { label, bound, value: null, met: false };
  return { label, bound, value, met: atLeast === undefined ? value <= atMost : value >= atLeast };
}

/**
 * The verdicts on one form of our package in one scenario, each `{label, bound, value, met}`; none if
 * the run failed or the scenario has no goals for it. `value` is null where nothing was measured.
 * @param scenario one of `scenarios`
 * @param form the server's name
 * @param row the summaries of the scenario by server
 */
export function verdicts(scenario, form, row) {
  const ours = row[form];
  const goals = scenario.goals[form];
  if (!goals || !ours || ours.error) return [];
  const list = goals.map((goal) => bounded(ours, goal));
  for (const peer of scenario.beats ?? []) {
    const theirs = row[peer]?.cpu_us;
    if (!(theirs > 0)) continue;
    const value = theirs / ours.cpu_us;
    list.push({ label: `${peer} over ours`, bound: "≥ 1", value, met: value * EVEN >= 1 });
  }
  return list;
}
