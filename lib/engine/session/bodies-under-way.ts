/** The bodies of requests that Node receives: their sum is bounded. */

/** A body that is being received. */
export interface BodyUnderWay {
  /** Ends its receipt, because the bodies of all clients are too large together. */
  giveUp(): void;
}

/** The bodies of one engine, with their bytes. */
export class BodiesUnderWay {
  private readonly bodies = new Map<BodyUnderWay, number>();
  private sum = 0;

  /** Notes the bytes that have come of a body. If all exceed `max`, the largest body is given up. */
  grow(body: BodyUnderWay, bytes: number, max: number): void {
    this.sum += bytes - (this.bodies.get(body) ?? 0);
    this.bodies.set(body, bytes);
    if (this.sum <= max) return;
    let [largest, most] = [body, bytes];
    for (const [other, size] of this.bodies) {
      if (size > most) [largest, most] = [other, size];
    }
    largest.giveUp();
  }

  /** A body is not being received any more. */
  delete(body: BodyUnderWay): void {
    const bytes = this.bodies.get(body);
    if (bytes === undefined) return;
    this.bodies.delete(body);
    this.sum -= bytes;
  }
}
