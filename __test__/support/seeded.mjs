// Reproducible randomness for property and fuzz tests.

/** The seed of this run; FUZZ_SEED picks another one. */
export const SEED = Number(process.env.FUZZ_SEED ?? 20_200_713);

/** Multiplies the number of inputs of the fuzz tests (environment FUZZ_FACTOR). */
export const FACTOR = Number(process.env.FUZZ_FACTOR ?? 1);

/** A small generator (mulberry32) with the draws the tests need. */
export class Random {
  constructor(seed) {
    this.state = seed >>> 0;
  }

  /** A number in [0, 1). */
  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer in [0, limit). */
  below(limit) {
    return Math.floor(this.next() * limit);
  }

  chance(probability) {
    return this.next() < probability;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  bytes(length) {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  /** `input` (string or Buffer) with one to `most` cuts, copies, swaps and insertions from `pieces`. */
  mutate(input, pieces, most = 3) {
    const join = (...parts) =>
      typeof input === "string" ? parts.join("") : Buffer.concat(parts.map((p) => Buffer.from(p)));
    let output = input;
    for (let times = 1 + this.below(most); times > 0; times--) {
      const at = this.below(output.length + 1);
      const to = at + this.below(Math.min(16, output.length - at) + 1);
      const before = output.slice(0, at);
      const [piece, after] = [output.slice(at, to), output.slice(to)];
      const change = this.below(5);
      if (change === 0) output = join(before, after);
      else if (change === 1) output = join(before, piece, piece, after);
      else if (change === 2) output = join(before, this.pick(pieces), after);
      else if (change === 3) output = join(before, this.pick(pieces), piece, after);
      else output = join(after, before, piece);
    }
    return output;
  }
}

/** Runs `body(random)`; a failure names the seed that repeats it. */
export async function seeded(t, body) {
  t.diagnostic(`FUZZ_SEED=${SEED}`);
  try {
    await body(new Random(SEED));
  } catch (error) {
    throw new Error(`with FUZZ_SEED=${SEED}: ${error.message}`, { cause: error });
  }
}
