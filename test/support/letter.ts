import { Random } from './random.js';

/** What a sender posts under a number: the same for ever, so that a log need not hold the bodies. */
export interface Letter {
  readonly body: Buffer;
  /** The table of the crash test refuses it. */
  readonly poison: boolean;
}

const texts = ['são paulo', 'ä"\\\n', '\u0000\u2028', '😀', 'plain', '</script>'] as const;

/** @param poison one in so many is refused by the warehouse; 0 for none */
export function letterOf(seed: number, sender: string, number: number, poison: number): Letter {
  const random = new Random(seed + number * 7919);
  const poisoned = poison > 0 && random.below(poison) === 0;
  const length = random.chance(0.002) ? 100_000 + random.below(100_000) : random.below(700);
  const letter = {
    sender,
    number,
    ...(poisoned ? { poison: true } : {}),
    text: random.of(texts).repeat(1 + random.below(5)),
    rest: 'x'.repeat(length),
  };
  return { body: Buffer.from(JSON.stringify(letter)), poison: poisoned };
}

/** Whose letter a body is; `undefined` when it is nobody's. */
export function signatureOf(
  body: Uint8Array,
): { readonly sender: string; readonly number: number } | undefined {
  const [, sender, number] =
    /^\{"sender":"([^"]+)","number":([0-9]+),/.exec(
      Buffer.from(body.buffer, body.byteOffset, Math.min(body.length, 100)).toString('latin1'),
    ) ?? [];
  return sender === undefined ? undefined : { sender, number: Number(number) };
}
