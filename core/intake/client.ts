import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { Arrival } from './arrival.js';
import { Recent } from './recent.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Range = readonly [Address, number];

/** Names for what is often trusted; the same as express knows. */
const named: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/** A header in which proxies note whom they pass on; each adds to its end. */
export type ForwardingHeader = 'x-forwarded-for' | 'forwarded';

/**
 * Tells clients apart by their addresses. The header is believed only as far as trusted proxies have written
 * it, from its end: what stands before that is whatever the sender wishes.
 */
export class Clients {
  readonly #trusted: readonly Range[];
  readonly #header: ForwardingHeader;
  readonly #recent = new Recent<{ readonly name: string | undefined }>(5000);

  /** @param trustedProxies as `rangesOf` reads each */
  constructor(trustedProxies: readonly string[] = [], header: ForwardingHeader = 'x-forwarded-for') {
    this.#trusted = trustedProxies.flatMap((text) => rangesOf(text) ?? []);
    this.#header = header;
  }

  /**
   * A name for whoever sent this: an IPv4 address, or the first 64 bits of an IPv6 one, as a customer has at
   * least so many. `undefined` when it is this machine itself, unless that is a trusted proxy, which then shall
   * say whom it passes on.
   */
  of(arrival: Arrival): string | undefined {
    const { peer } = arrival;
    // So it is when the connection was cut at once: no way around a limit.
    if (peer === undefined) return 'unknown';
    const said = this.#trusted.length === 0 ? undefined : arrival.header(this.#header);
    const text = said === undefined ? peer : `${peer} ${said}`;
    const known = this.#recent.get(text);
    if (known !== undefined) return known.name;
    const name = this.#nameOf(peer, said);
    // A sender chooses how long what it says is.
    if (text.length <= 256) this.#recent.set(text, { name });
    return name;
  }

  /** The other end, where that is near, is not trusted, and yet speaks as a proxy does. */
  untrustedProxy(arrival: Arrival): string | undefined {
    const { peer } = arrival;
    const address = peer === undefined ? undefined : addressOf(peer);
    if (address === undefined || this.#trusts(address)) return undefined;
    const isNear = ['loopback', 'private', 'uniqueLocal', 'linkLocal'].includes(address.range());
    const isProxy = ['x-forwarded-for', 'forwarded'].some((name) => arrival.header(name) !== undefined);
    return isNear && isProxy ? address.toString() : undefined;
  }

  /** Of a connection: `undefined` also for a trusted proxy, behind which anyone may be. */
  atOtherEnd(peer: string | undefined): string | undefined {
    const address = peer === undefined ? undefined : addressOf(peer);
    const free = address === undefined || address.range() === 'loopback' || this.#trusts(address);
    return free ? undefined : nameOf(address);
  }

  #nameOf(peer: string, said: string | undefined): string | undefined {
    let address = addressOf(peer);
    if (address === undefined) return 'unknown';
    if (!this.#trusts(address)) return address.range() === 'loopback' ? undefined : nameOf(address);
    const hops = this.#header === 'forwarded' ? forwardedBy(said ?? '') : elementsOf((said ?? '').split(','));
    while (this.#trusts(address)) {
      const hop = addressOf(hops.pop() ?? '');
      // What a trusted proxy does not tell, or not in plain words, is its own.
      if (hop === undefined) break;
      address = hop;
    }
    return nameOf(address);
  }

  #trusts(address: Address): boolean {
    return this.#trusted.some(([range, bits]) => {
      // Of the same kind, and the types have no word for that.
      return range.kind() === address.kind() && (address as ipaddr.IPv6).match(range as ipaddr.IPv6, bits);
    });
  }
}

/** `loopback`, `linklocal`, `uniquelocal`, an address, or a range such as `10.0.0.0/8`. */
export function rangesOf(text: string): readonly Range[] | undefined {
  const ranges = Object.hasOwn(named, text) ? named[text] : undefined;
  if (ranges !== undefined) return ranges.flatMap((range) => rangesOf(range) ?? []);
  const [, start = '', bits] = /^([0-9a-f.:]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  const address = isIP(start) === 0 ? undefined : ipaddr.parse(start);
  if (address === undefined) return undefined;
  const most = address.kind() === 'ipv4' ? 32 : 128;
  const length = Number(bits ?? most);
  return length > most ? undefined : [[address, length]];
}

/** The IPv6 network of 48 bits that a client is in: who has one of these has 65,536 client addresses. */
export function networkOf(client: string): string | undefined {
  return client.endsWith('::/64') ? client.replace(/:[^:]*::\/64$/, '::/48') : undefined;
}

function nameOf(address: Address): string {
  if (address.kind() === 'ipv4') return address.toString();
  const [a = 0, b = 0, c = 0, d = 0] = (address as ipaddr.IPv6).parts;
  return `${[a, b, c, d].map((part) => part.toString(16)).join(':')}::/64`;
}

/** An address as it is written there, with or without a port: `203.0.113.7:4711`, `"[2001:db8::1]:4711"`. */
function addressOf(text: string): Address | undefined {
  const plain = text.trim().replace(/^"(.*)"$/, '$1');
  const [, bracketed, dotted] = /^(?:\[([^\]]*)\]|([0-9.]+))(?::\d{1,5})?$/.exec(plain) ?? [];
  const address = (bracketed ?? dotted ?? plain).replace(/%.*$/, '');
  // Only then: ipaddr.js also takes `0x7f.1` and `1`.
  return isIP(address) === 0 ? undefined : ipaddr.process(address);
}

/** Empty elements of a list do not count, such as behind a trailing comma. Source: RFC 9110, 5.6.1.2. */
function elementsOf(list: readonly string[]): string[] {
  return list.filter((element) => element.trim() !== '');
}

/** The `for` of each element. Source: RFC 7239, section 4. */
function forwardedBy(said: string): string[] {
  const elements = said.match(/(?:"(?:\\.|[^"\\])*"|[^,"])+/g) ?? [];
  return elementsOf(elements).map((element) => {
    const pair = /(?:^|;)\s*for=("(?:\\.|[^"\\])*"|[^;\s]*)/i.exec(element.trim());
    return pair?.[1] ?? '';
  });
}
