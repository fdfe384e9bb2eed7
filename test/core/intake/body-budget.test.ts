import { expect } from 'chai';
import { BodyBudget, type BodyRoom } from '../../../core/intake/body-budget.js';
import { seed } from '../../support/attack.js';
import { Random } from '../../support/random.js';

const kib = 1024;
const make = (patience?: number) => new BodyBudget({ total: 1000 * kib, client: 300 * kib }, 2, patience);
const large = 100 * kib;

/** Takes until there is no room any more. */
function fill(budget: BodyBudget, client: (n: number) => string | undefined, length = large): BodyRoom[] {
  const rooms: BodyRoom[] = [];
  for (let room = budget.take(client(0), length); room; room = budget.take(client(rooms.length), length)) {
    rooms.push(room);
  }
  return rooms;
}

describe('the budget of bodies in flight', () => {
  it('is three quarters for bodies beyond 64 KiB, and all of it for others', () => {
    const budget = make();
    const rooms = fill(budget, () => undefined);
    expect(rooms).to.have.length(7);
    expect(budget.enter(64 * kib)).to.equal(true);
    expect(fill(budget, () => undefined, 64 * kib)).to.have.length(3);
    expect(budget.enter(64 * kib)).to.equal(false);
    budget.leave(64 * kib);
    rooms[0]?.release();
    rooms[0]?.release();
    expect(fill(budget, () => undefined)).to.have.length(1);
  });

  it('is smaller for one client, and for an IPv6 network twice that', () => {
    const budget = make();
    expect(fill(budget, () => '203.0.113.7')).to.have.length(3);
    expect(budget.take('203.0.113.8', large)).not.to.equal(undefined);
    const network = make();
    expect(fill(network, (n) => `2001:db8:1:${n}::/64`)).to.have.length(6);
    expect(network.take('2001:db8:2:1::/64', large)).not.to.equal(undefined);
  });

  it('lets in one body of any length when there is no other', () => {
    const budget = make();
    const room = budget.take('203.0.113.7', 5000 * kib);
    expect(room).not.to.equal(undefined);
    expect(budget.take('203.0.113.8', large)).to.equal(undefined);
    room?.release();
    expect(budget.take('203.0.113.8', large)).not.to.equal(undefined);
  });

  it('is waited for in turn, and those that wait for their client’s hold back nobody', async () => {
    const budget = make(60_000);
    const rooms = fill(budget, (n) => `203.0.113.${n}`);
    const granted: string[] = [];
    const wait = (name: string, client: string, length = large) =>
      budget.wait(client, length).then((room) => granted.push(room === undefined ? `no ${name}` : name));
    const first = wait('first', 'a', 150 * kib);
    const second = wait('second', 'b');
    rooms[0]?.release();
    expect(budget.take('c', large), 'it does not overtake').to.equal(undefined);
    rooms[1]?.release();
    await first;
    rooms[2]?.release();
    await second;
    expect(granted).to.deep.equal(['first', 'second']);

    const other = make(60_000);
    const own = fill(other, () => 'a');
    const late = other.wait('a', large);
    expect(await other.wait('b', large)).not.to.equal(undefined);
    own[0]?.release();
    expect(await late).not.to.equal(undefined);
  });

  it('refuses what has waited in vain', async () => {
    const budget = make(1);
    const rooms = fill(budget, () => undefined);
    expect(await budget.wait(undefined, large)).to.equal(undefined);
    for (const room of rooms) room.release();
    expect(fill(budget, () => undefined)).to.have.length(7);
  });

  it('never has a body wait that is half here: it grows at once or not', () => {
    const budget = make();
    const [one, other] = [budget.take(undefined, 0), budget.take(undefined, 0)];
    expect(one?.grow(700 * kib)).to.equal(true);
    expect(other?.grow(64 * kib)).to.equal(true);
    expect(other?.grow(65 * kib)).to.equal(false);
    one?.release();
    expect(other?.grow(700 * kib)).to.equal(true);
  });

  it(`is as it was when all have left, whatever they did (SEED=${seed})`, async () => {
    const random = new Random(seed);
    const budget = make(5);
    const rooms = new Set<BodyRoom>();
    const waiting: Promise<unknown>[] = [];
    const keep = (room: BodyRoom | undefined) => room && rooms.add(room);
    for (let n = 0; n < 20_000; n++) {
      const client = random.of([undefined, '203.0.113.7', '2001:db8:1:1::/64', '2001:db8:1:2::/64']);
      const length = random.below(random.of([64, 200, 1200])) * kib;
      const [any] = rooms;
      random.of([
        () => keep(budget.take(client, length)),
        () => void (n % 20 === 0 && waiting.push(budget.wait(client, length).then(keep))),
        () => any?.grow(length),
        () => {
          any?.release();
          rooms.delete(any as BodyRoom);
        },
      ])();
    }
    await Promise.all(waiting);
    for (const room of rooms) room.release();
    for (const client of [undefined, '203.0.113.7', '2001:db8:1:1::/64']) {
      expect(fill(budget, () => client).map((room) => room.release())).to.have.length(client ? 3 : 7);
    }
  });
});
