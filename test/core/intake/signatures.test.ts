import { randomBytes } from 'node:crypto';
import { sign as octokitSign, verify as octokitVerify } from '@octokit/webhooks-methods';
import { expect } from 'chai';
import { Webhook } from 'standardwebhooks';
import type { Arrival } from '../../../core/intake/arrival.js';
import { schemes } from '../../../core/intake/signatures/index.js';
import type { Signature } from '../../../core/intake/signatures/scheme.js';
import { githubPayloads } from '../../support/github-payloads.js';

function signature(type: string, options: Readonly<Record<string, unknown>>): Signature {
  const scheme = schemes.find((each) => each.type === type);
  if (scheme === undefined) throw new Error(`no scheme ${type}`);
  return scheme.create(scheme.options.parse({ type, ...options }));
}

function arrival(headers: Readonly<Record<string, string>>): Arrival {
  const fields = new Headers(headers);
  return { query: '', peer: undefined, header: (name) => fields.get(name) ?? undefined };
}

/** What is told of a request; nothing when it counts as signed. */
function told(by: Signature, headers: Readonly<Record<string, string>>, body: string | Buffer, now = 0) {
  return by.check(arrival(headers), Buffer.from(body as string), now);
}

const unmatched = 'its signature is by none of the secrets, or of another body';

/** Where each is from stands in its title. Times are milliseconds since the epoch. */
const slackBody =
  'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar' +
  '&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com' +
  '%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.' +
  '803a0bc887a14d10d2c447fce8b6703c';
const stripeBody = JSON.stringify({ id: 'evt_test_webhook', object: 'event' }, null, 2);
const stripeBy = {
  test: 'v1=4f1cd7feda9826e746b7d482c4badebb657398df1099e1046364f6196a230150',
  rolled: 'v1=7ec700d2512bb00320916aa4093123ef52cdfc7269a1f0c3bb98f63484884125',
};
const jefe = { type: 'hmac', options: { secret: 'Jefe', header: 'X-Signature' } };

interface Vector {
  readonly type: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly now?: number;
}

const vectors: readonly (readonly [title: string, vector: Vector])[] = [
  [
    "GitHub's, of docs.github.com, Validating webhook deliveries",
    {
      type: 'github',
      options: { secret: "It's a Secret to Everybody" },
      headers: {
        'X-Hub-Signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
      },
      body: 'Hello, World!',
    },
  ],
  [
    "Slack's, of docs.slack.dev, Verifying requests from Slack",
    {
      type: 'slack',
      options: { secret: '8f742231b10e8888abcd99yyyzzz85a5' },
      headers: {
        'X-Slack-Request-Timestamp': '1531420618',
        'X-Slack-Signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
      },
      body: slackBody,
      now: 1_531_420_700_000,
    },
  ],
  [
    'of the reference implementation of Standard Webhooks, its test "sign function works"',
    {
      type: 'standard-webhooks',
      options: { secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' },
      headers: {
        'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
        'webhook-timestamp': '1614265330',
        'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
      },
      body: '{"test": 2432232314}',
      now: 1_614_265_330_000,
    },
  ],
  [
    'made with generateTestHeaderString of stripe-node 23.1.0, with the payload and the secret of its tests',
    {
      type: 'stripe',
      options: { secret: 'whsec_test_secret' },
      headers: { 'Stripe-Signature': `t=1700000000,${stripeBy.test}` },
      body: stripeBody,
      now: 1_700_000_000_000,
    },
  ],
  [
    'for Shopify, which publishes none, made with: openssl dgst -sha256 -hmac hush -binary | base64',
    {
      type: 'shopify',
      options: { secret: 'hush' },
      headers: { 'X-Shopify-Hmac-Sha256': 'ZFuR67QvKjhqpf6J7YUyBGfa2amYeTtw5lRhiua45E4=' },
      body: '{"id":820982911946154508,"email":"jon@example.com","note":"café"}',
    },
  ],
  [
    'for Meta, which publishes none, of the documentation of whatsapp_sdk on hexdocs.pm, compute_signature',
    {
      type: 'meta',
      options: { secret: 'secret', verifyToken: 'meatyhamhock' },
      headers: {
        'X-Hub-Signature-256': 'sha256=0329a06b62cd16b33eb6792be8c60b158d89a2ee3a876fce9a881ebb488c0914',
      },
      body: 'test',
    },
  ],
  [
    "Zendesk's, of an older state of developer.zendesk.com, Verifying webhooks, where the timestamp came last",
    {
      type: 'hmac',
      options: {
        secret: 'HRkRd4BeOAoUkfZr-mhauJT64rvBASlJRoIyPsd3zeA=',
        header: 'X-Zendesk-Webhook-Signature',
        encoding: 'base64',
        timestamp: 'X-Zendesk-Webhook-Signature-Timestamp',
        content: '{body}{timestamp}',
      },
      headers: {
        'X-Zendesk-Webhook-Signature': 'tRDSF7URY8BLCDlaBcQ7FHu051Zk+aAB0NKMP53teMw=',
        'X-Zendesk-Webhook-Signature-Timestamp': '2021-07-25T10:00:00Z',
      },
      body: '{"say": "hello"}',
      now: Date.UTC(2021, 6, 25, 10),
    },
  ],
  ...(
    [
      ['RFC 2202, test case 2', 'sha1', 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79'],
      ['RFC 4231, test case 2', 'sha256', '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'],
      [
        'RFC 4231, test case 2',
        'sha384',
        'af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649',
      ],
      [
        'RFC 4231, test case 2',
        'sha512',
        '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd' +
          'caeab1a34d4a6b4b636e070a38bce737',
      ],
    ] as const
  ).map(([source, algorithm, hex]): readonly [string, Vector] => [
    `of ${source}, with ${algorithm}`,
    {
      ...jefe,
      options: { ...jefe.options, algorithm },
      headers: { 'X-Signature': hex },
      body: 'what do ya want for nothing?',
    },
  ]),
];

describe('signatures: the vector', () => {
  for (const [title, { type, options, headers, body, now }] of vectors) {
    it(`${title}, is good, and nothing near it is`, () => {
      const by = signature(type, options);
      expect(told(by, headers, body, now)).to.equal(undefined);
      expect(told(by, headers, `${body} `, now)).to.equal(unmatched);
      expect(told(by, headers, body.slice(1), now)).to.equal(unmatched);
      expect(told(by, headers, '', now)).to.equal(unmatched);
      for (const name of Object.keys(headers)) {
        const { [name]: value = '', ...others } = headers;
        expect(told(by, others, body, now), `without ${name}`).to.match(/^it has no /);
        for (const wrong of [
          '',
          ' ',
          value.slice(0, -2),
          `${value}0`,
          `${value}, ${value}`,
          value.replace(/[1-9]/, '0'),
        ]) {
          // A list is fine where the header is one.
          if (name === options['header'] && wrong.includes(',')) continue;
          expect(told(by, { ...headers, [name]: wrong }, body, now), `${name}: ${wrong}`).to.be.a('string');
        }
      }
      const another = { ...options, secret: type === 'standard-webhooks' ? 'whsec_AAAA' : 'another' };
      expect(told(signature(type, another), headers, body, now)).to.equal(unmatched);
      const both = { ...options, secret: [another.secret, options['secret']] };
      expect(told(signature(type, both), headers, body, now), 'while it is changed').to.equal(undefined);
    });
  }
});

describe('signatures: the other side', () => {
  const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;

  it('what standardwebhooks signs is good, and what we sign is good for it', () => {
    const [theirs, ours] = [new Webhook(secret), signature('standard-webhooks', { secret })];
    for (let n = 0; n < 200; n++) {
      const body = JSON.stringify({ n, text: `é€😀${randomBytes(n).toString('base64')}` });
      const now = Date.now();
      const headers = {
        'webhook-id': `msg_${n}`,
        'webhook-timestamp': String(Math.floor(now / 1000)),
        'webhook-signature': theirs.sign(`msg_${n}`, new Date(now), body),
      };
      expect(told(ours, headers, body, now)).to.equal(undefined);
      expect(theirs.verify(body, ours.sign(Buffer.from(body), now))).to.deep.equal(JSON.parse(body));
    }
  });

  it("what @octokit/webhooks-methods signs is good, and what we sign is good for it, for every payload of GitHub's webhooks", async () => {
    const ours = signature('github', { secret: 'octo' });
    const payloads = githubPayloads();
    expect(payloads.length).to.be.greaterThan(500);
    for (const body of payloads) {
      const text = body.toString();
      const headers = { 'X-Hub-Signature-256': await octokitSign('octo', text) };
      expect(told(ours, headers, body)).to.equal(undefined);
      expect(await octokitVerify('octo', text, ours.sign(body, 0)['X-Hub-Signature-256'] as string)).to.equal(
        true,
      );
    }
  });

  it('what each scheme signs, its check takes: of any bytes, UTF-8 or not', () => {
    const now = Date.now();
    for (const { type } of schemes) {
      const own = {
        hmac: { header: 'X-S', timestamp: 'X-T', encoding: 'base64', prefix: 'v1=', algorithm: 'sha512' },
        meta: { verifyToken: 'x' },
      }[type];
      const by = signature(type, { secret: [secret, 'whsec_AAAA'], ...own });
      for (const body of [
        Buffer.alloc(0),
        Buffer.from('\ufeff{}'),
        randomBytes(1000),
        randomBytes(100_000),
      ]) {
        expect(told(by, by.sign(body, now), body, now), type).to.equal(undefined);
        expect(told(by, by.sign(body, now), Buffer.concat([body, body, Buffer.alloc(1)]), now)).to.equal(
          unmatched,
        );
      }
    }
  });
});

describe('signatures: time', () => {
  const body = '{}';
  for (const [type, options] of [
    ['standard-webhooks', { secret: 'whsec_AAAA' }],
    ['stripe', { secret: 's' }],
    ['slack', { secret: 's' }],
    ['hmac', { secret: 's', header: 'X-S', timestamp: 'X-T' }],
  ] as const) {
    it(`of ${type} may be five minutes off, or what is set, to either side`, () => {
      const now = 1_800_000_000_000;
      for (const [by, tolerance] of [
        [signature(type, options), 300_000],
        [signature(type, { ...options, tolerance: '10s' }), 10_000],
      ] as const) {
        const at = (offset: number) => told(by, by.sign(Buffer.from(body), now), body, now + offset);
        for (const offset of [0, tolerance, -tolerance]) expect(at(offset)).to.equal(undefined);
        expect(at(tolerance + 1000)).to.equal(
          `its timestamp is ${tolerance / 1000 + 1} s behind this machine's clock`,
        );
        expect(at(-tolerance - 1000)).to.equal(
          `its timestamp is ${tolerance / 1000 + 1} s ahead of this machine's clock`,
        );
      }
    });
  }

  it('is seconds, milliseconds or RFC 3339, and nothing else', () => {
    const by = signature('hmac', {
      secret: 's',
      header: 'X-S',
      timestamp: 'X-T',
      content: '{timestamp}{body}',
    });
    const plain = signature('hmac', { secret: 's', header: 'X-S' });
    const now = Date.UTC(2026, 10, 24, 12);
    const at = (timestamp: string) => {
      const headers = { ...plain.sign(Buffer.from(timestamp + body), 0), 'X-T': timestamp };
      return told(by, headers, body, now);
    };
    for (const good of [
      String(now / 1000),
      String(now),
      '2026-11-24T12:00:00Z',
      '2026-11-24T12:00:00.123456Z',
      '2026-11-24T14:00:00+02:00',
      '2026-11-24t12:00:00z',
      '2026-11-24 12:00:00.5Z',
    ]) {
      expect(at(good), good).to.equal(undefined);
    }
    for (const bad of [
      '',
      'now',
      '-1',
      '1e9',
      `${now / 1000}.5`,
      '2026-11-24',
      'Tue, 24 Nov 2026 12:00:00 GMT',
    ]) {
      expect(at(bad), bad).to.be.a('string');
    }
  });
});

describe('signatures: several in one header', () => {
  it('Stripe: one v1 that is good is enough, a v0 counts for nothing, and a second t is refused', () => {
    const by = signature('stripe', { secret: 'whsec_test_secret' });
    const rolled = signature('stripe', { secret: 'whsec_rolled_secret' });
    const at = (value: string, one = by) =>
      told(one, { 'Stripe-Signature': value }, stripeBody, 1_700_000_000_000);
    for (const good of [
      `t=1700000000,${stripeBy.rolled},${stripeBy.test}`,
      `t=1700000000, ${stripeBy.test}, v1=potato`,
      `v1=potato,${stripeBy.test},v0=x,t=1700000000,other=1`,
    ]) {
      expect(at(good), good).to.equal(undefined);
    }
    expect(at(`t=1700000000,${stripeBy.rolled},${stripeBy.test}`, rolled)).to.equal(undefined);
    for (const bad of [
      `t=1700000000,${stripeBy.test.replace('v1', 'v0')}`,
      `t=1700000000,${stripeBy.test},t=1700000000`,
      `t=1700000001,${stripeBy.test}`,
      stripeBy.test,
      't=1700000000',
      't=,v1=',
      'bad_header',
    ]) {
      expect(at(bad), bad).to.be.a('string');
    }
  });

  it('Standard Webhooks: as its reference implementation tests it; v2 and v1a count for nothing', () => {
    const good = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
    const other = 'v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=';
    for (const [secret, family] of [
      ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'webhook'],
      ['MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'svix'],
    ] as const) {
      const by = signature('standard-webhooks', { secret });
      const at = (value: string) =>
        told(
          by,
          {
            [`${family}-id`]: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
            [`${family}-timestamp`]: '1614265330',
            [`${family}-signature`]: value,
          },
          '{"test": 2432232314}',
          1_614_265_330_000,
        );
      expect(at([other, other.replace('v1', 'v2'), good, other].join(' '))).to.equal(undefined);
      for (const bad of [other, good.replace('v1', 'v2'), good.replace('v1', 'v1a'), 'v1,', good.slice(3)]) {
        expect(at(bad), bad).to.be.a('string');
      }
    }
  });

  it('hmac: separated by commas, each with the prefix', () => {
    const by = signature('hmac', { secret: 's', header: 'X-S', prefix: 'v1=', encoding: 'base64' });
    const good = by.sign(Buffer.from('{}'), 0)['X-S'] as string;
    expect(good).to.match(/^v1=[A-Za-z0-9+/]{43}=$/);
    const at = (value: string) => told(by, { 'X-S': value }, '{}');
    for (const value of [good, `v1=old,${good}`, `${good}, v1=old`, good.slice(0, -1)]) {
      expect(at(value), value).to.equal(undefined);
    }
    expect(at(good.slice(3))).to.match(/not of the form/);
    expect(at(good.toLowerCase())).to.equal(unmatched);
  });
});

describe('signatures: a blank after a prefix', () => {
  for (const [type, options, prefix] of [
    ['github', {}, /sha256=/],
    ['slack', {}, /v0=/],
    ['stripe', {}, /v1=/],
    ['hmac', { header: 'X-S', prefix: 'HMAC' }, /HMAC/],
  ] as const) {
    it(`says nothing: ${type}`, () => {
      const by = signature(type, { secret: 's', ...options });
      const headers = Object.entries(by.sign(Buffer.from('{}'), 0));
      const blank = headers.map(([name, value]) => [name, value.replace(prefix, '$& ')]);
      expect(Object.fromEntries(blank)).not.to.deep.equal(Object.fromEntries(headers));
      expect(told(by, Object.fromEntries(blank), '{}')).to.equal(undefined);
    });
  }
});

describe('signatures: what is told', () => {
  it('holds nothing of the request or of the secret', () => {
    const by = signature('slack', { secret: 'hushhush' });
    const now = Date.now();
    for (const headers of [
      {},
      { 'X-Slack-Request-Timestamp': 'strange', 'X-Slack-Signature': 'stranger' },
      { 'X-Slack-Request-Timestamp': 'strange', 'X-Slack-Signature': `v0=${'0'.repeat(64)}` },
      { ...by.sign(Buffer.from('{}'), now), 'X-Slack-Signature': `v0=${'0'.repeat(64)}` },
    ]) {
      expect(told(by, headers, '{"strange": 1}', now))
        .to.be.a('string')
        .and.not.match(/strange|hush|000/);
    }
  });
});
