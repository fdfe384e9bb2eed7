import { expect } from 'chai';
import { Container } from 'inversify';
import { z } from 'zod';
import { silent } from '../../../core/conformance/instantiate.js';
import { ConfigError } from '../../../core/contract/errors.js';
import { keys } from '../../../core/contract/keys.js';
import { ProcessMetrics } from '../../../core/contract/metrics.js';
import { definePlugin } from '../../../core/contract/plugin.js';
import { createInstance } from '../../../core/host/scope.js';

describe('an instance of a plugin', () => {
  const parent = new Container();
  parent.bind(keys.logger).toConstantValue({ ...silent, child: () => silent });
  parent.bind(keys.metrics).toConstantValue(new ProcessMetrics());

  /** Of a plugin in JavaScript, which no compiler has seen. */
  const create = (instance: unknown) =>
    createInstance(
      parent,
      definePlugin({
        kind: 'destination',
        name: 'lines',
        config: z.object({}),
        create: () => instance as never,
      }),
      'files',
      {},
    );
  const whole = { open() {}, ensureTable() {}, check() {}, write() {}, close() {} };

  it('has every method of its contract', () => {
    class Lines {}
    Object.assign(Lines.prototype, whole);
    expect(() => create(new Lines())).not.to.throw();
    expect(() => create({ ...whole, query() {} })).not.to.throw();
  });

  it('is refused where one is missing, or misspelt, by name', () => {
    const { check, ...rest } = whole;
    expect(() => create({ ...rest, chekc: check })).to.throw(
      ConfigError,
      'files: what the plugin lines creates is no destination, as it lacks check; see',
    );
    expect(() => create(undefined)).to.throw(ConfigError, 'lacks open, ensureTable, check, write, close');
  });
});
