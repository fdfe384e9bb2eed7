import { expect } from 'chai';
import { MemoryDestination } from '../../../connectors/memory/destination.js';
import memory from '../../../connectors/memory/index.js';
import { destinationClaims } from '../../conformance/destination.js';
import { instantiate } from '../../support/instantiate.js';

describe('the memory destination', () => {
  const shared = new MemoryDestination();
  const claims = destinationClaims({
    make: () => shared,
    rows: async (table) => await shared.latest(table, Number.MAX_SAFE_INTEGER, new AbortController().signal),
  });
  for (const claim of claims) it(claim.name, () => claim.run());

  it('needs no options', () => {
    expect(instantiate(memory, {})).to.be.instanceOf(MemoryDestination);
  });
});
