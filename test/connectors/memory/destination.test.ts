import { expect } from 'chai';
import { MemoryDestination } from '../../../connectors/memory/destination.js';
import memory from '../../../connectors/memory/index.js';
import { absent, destinationClaims, instantiate, never } from '../../../core/conformance/index.js';

describe('the memory destination', () => {
  const shared = new MemoryDestination();
  const claims = destinationClaims({
    make: () => shared,
    rows: async (table) => await shared.latest(table, Number.MAX_SAFE_INTEGER, never),
    describe: absent('it lists no tables'),
    tables: absent('nobody else makes a table in this process'),
    refused: absent('it takes any bytes'),
    limits: { body: 64 * 1024 ** 2, rows: 50_000, bytes: 64 * 1024 ** 2 },
    process: absent('its rows are gone with the process'),
    misconfigured: absent('it needs no set-up'),
    outage: absent('there is no connection to cut'),
    secrets: () => [],
  });
  for (const claim of claims) it(claim.name, claim.run);

  it('needs no options', () => {
    expect(instantiate(memory, {})).to.be.instanceOf(MemoryDestination);
  });
});
