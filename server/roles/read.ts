import type { Container } from 'inversify';
import { keys, parts } from '../../core/contract/keys.js';
import { Listings } from './listings.js';
import { outletNamed, readingAnswers } from './reading.js';
import type { ReadAnswers, Role } from './role.js';

/** Reads warehouses for people; loads nothing. It lives for one configuration. */
export function startRead(container: Container): Role<ReadAnswers> {
  const outlets = container.get(parts.outlets);
  const listings = new Listings();
  return {
    answers: {
      metrics: () => container.get(keys.metrics).json(),
      ...readingAnswers((name) => outletNamed(outlets, name), listings),
    },
    prepare: () => () => undefined,
    stop: async () => {
      listings.close();
      await Promise.allSettled([...outlets.values()].map((outlet) => outlet.close()));
    },
  };
}
